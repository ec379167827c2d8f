"""A machine's log and the store in step, whatever kind of store that is."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from guard import changes
from guard.config import Store
from guard.control import follower as module
from guard.control import note
from guard.custody import control
from guard.store.errors import StoreError
from guard.store.opening import opened
from tests.control.machines import Machine
from tests.support import stores, valkey

BLOCK = {"type": "block", "kind": "account", "value": "acme"}
UNBLOCK = {"type": "unblock", "kind": "account", "value": "acme"}
ISOLATE = {"type": "isolate", "model": "m"}


@pytest.fixture(scope="module")
def server():
    """A server for all tests of this file."""
    with valkey.server() as found:
        yield found


@pytest.fixture(params=stores.KINDS)
def home(request, tmp_path):
    """An empty store of each kind."""
    if request.param == "file":
        return stores.InFile(tmp_path / "store.db")
    found = stores.InServer(request.getfixturevalue("server"))
    found.empty()
    return found


@pytest.fixture
def store(home):
    """How it is named."""
    return Store(url=home.url)


@pytest.fixture
def served(server):
    """An empty server, for who puts into it what only there can be."""
    stores.InServer(server).empty()
    return Store(url=server.connection_url)


def machines(folder, store, count=2):
    """Some machines that share it."""
    return [Machine(folder / f"n{number}", store) for number in range(count)]


def test_a_change_in_the_store_comes_into_every_log(tmp_path, store):
    """It is the same record everywhere, with the version that the store gave it."""
    first, second = machines(tmp_path, store)
    record = control.change_record(BLOCK, reason="why", actor="ann", incident="INC-1", expires=9e9)
    first.changes.append(record)
    for machine in (first, second):
        machine.follower.step()
        (found,) = machine.records()
        assert {key: value for key, value in found.items() if key not in ("seq", "chain")} == {**record, "store": 1}
    assert first.marks[-1] == (2, 1)


def test_what_a_machine_had_before_is_shared_once(tmp_path, store):
    """The first time, everything that was ordered on it goes into the store; then that stays as it is in its log."""
    first, second = machines(tmp_path, store)
    ids = [first.order(change)["id"] for change in (BLOCK, UNBLOCK, ISOLATE)]
    for _ in range(2):
        first.follower.step()
        second.follower.step()
    assert first.ids() == second.ids() == ids
    assert all("store" not in record for record in first.records())
    assert {record["origin"] for record in second.records()} == {first.follower._node}


def test_only_measures_are_shared(tmp_path, store):
    """What is done with one machine's journal stays there; from the store no such thing is taken either."""
    first, second = machines(tmp_path, store)
    for kind in ("hold", "release", "export", "delete"):
        first.order({"type": kind})
        first.changes.append(control.change_record({"type": kind}, reason="r", actor="a"))
    first.order(BLOCK)
    for machine in (first, second, first):
        machine.follower.step()
    assert [record["change"]["type"] for record in second.records()] == ["block"]
    assert len(first.records()) == 5


def test_the_order_of_the_store_counts(tmp_path, store):
    """What was ordered here while the store was away counts when the store has taken it: behind what it had then."""
    first, second = machines(tmp_path, store)
    mine = first.order(BLOCK)["id"]
    theirs = control.change_record(UNBLOCK, reason="r", actor="b")
    second.changes.append(theirs)
    for machine in (first, second):
        machine.follower.step()
    assert first.ids() == [mine, theirs["id"], mine]
    assert second.ids() == [theirs["id"], mine]
    assert first.in_force() == second.in_force() != set()


def test_a_change_of_an_earlier_program_gets_an_id(tmp_path, store):
    """Records without one have the machine's name and their number for it, and are shared once."""
    first, second = machines(tmp_path, store)
    control.append_all(first.journal, [{"kind": "change", "at": 1.0, "actor": "a", "reason": "r", "change": BLOCK}])
    for machine in (first, second, first):
        machine.follower.step()
    assert second.ids() == [f"{first.follower._node}-1"]
    assert len(first.records()) == 1


def test_an_emptied_store_gets_back_what_machines_have(tmp_path, home, store):
    """Nothing is written into logs that agree; who has more than another gives it."""
    first, second = machines(tmp_path, store)
    first.order(BLOCK)
    for machine in (first, second):
        machine.follower.step()
    first.changes.append(control.change_record(ISOLATE, reason="r", actor="a"))
    first.follower.step()
    home.empty()
    for _ in range(3):
        second.follower.step()
        first.follower.step()
    assert first.ids() == second.ids() == [one.id for one in first.changes.read(0).changes]
    assert len(first.ids()) == 2


def test_a_store_that_lost_its_newest_changes_gets_them_back(tmp_path, home, store):
    """Another server took over that did not have them yet, and took others in their place."""
    first, second = machines(tmp_path, store)
    first.changes.append(control.change_record(BLOCK, reason="r", actor="a"))
    saved = home.save()
    lost = control.change_record(UNBLOCK, reason="r", actor="a")
    first.changes.append(lost)
    first.follower.step()
    home.rewind(saved)
    first.changes.append(control.change_record(ISOLATE, reason="r", actor="a"))
    for _ in range(3):
        second.follower.step()
        first.follower.step()
    ids = [one.id for one in first.changes.read(0).changes]
    assert len(ids) == 3
    assert lost["id"] == ids[-1]
    assert second.ids() == ids
    assert first.ids() == [ids[0], lost["id"], *ids[1:]]
    assert first.in_force() == second.in_force()


def test_a_store_that_went_back_and_on_again_is_seen(tmp_path, home, store):
    """It has as many changes as before, and the same one last: what came before that was another."""
    (machine,) = machines(tmp_path, store, 1)
    a, b, c, d = (control.change_record(change, reason="r", actor="a") for change in (BLOCK, UNBLOCK, ISOLATE, BLOCK))
    machine.changes.append(a)
    saved = home.save()
    machine.changes.append_all([b, c])
    machine.follower.step()
    home.rewind(saved)
    machine.changes.append_all([d, c])
    for _ in range(2):
        machine.follower.step()
    ids = [one["id"] for one in (a, d, c, b)]
    assert [one.id for one in machine.changes.read(0).changes] == ids
    assert machine.ids()[-3:] == ids[-3:]


def test_a_note_that_is_no_longer_so_is_forgotten(tmp_path, store):
    """A change that comes into the log once more is behind others now; who is killed then begins anew."""
    (machine,) = machines(tmp_path, store, 1)
    records = [control.change_record(change, reason="r", actor="a") for change in (BLOCK, UNBLOCK)]
    machine.changes.append_all(records)
    machine.follower.step()
    machine.follower.finish()
    assert note.read(machine.state) is not None
    control.append_all(machine.journal, records[:1])
    machine.line.breaks_in = 3
    assert not machine.step()
    assert note.read(machine.state) is None
    machine.begin()
    machine.follower.step()
    assert machine.ids()[-2:] == [record["id"] for record in records]


def entry(id_="x", change=BLOCK, **more):
    """What somebody may put into the store by hand: a change as programs write it, but for what is given."""
    record = {"id": id_, "at": 1.0, "actor": "eve", "reason": "r", "change": change, **more}
    return {"id": id_, "record": json.dumps(record), "link": "l"}


NETWORK = {"type": "block", "kind": "ip", "value": "203.0.113.9/24"}
DEEP = '{"id": "x", "at": 1, "actor": "a", "reason": "r", "change": {"type": "block", "more": %s}}'
FOREIGN = {
    "other members": {"a": "b"},
    "no JSON": {"id": "x", "record": "{{", "link": "l"},
    "no object": {"id": "x", "record": "[1]", "link": "l"},
    "no words": {"id": "x", "record": '{"id": "x", "change": {"type": "block"}}', "link": "l"},
    "no UTF-8": {"id": b"\xff", "record": b'{"id": "\xff"}', "link": b"\xff"},
    "no number": {"id": "x", "record": entry(at=7.0)["record"].replace("7.0", "NaN"), "link": "l"},
    "another id": {**entry("y"), "id": "x"},
    "an empty id": entry(""),
    "a time that is none": entry(at="noon"),
    "an end that is none": entry(expires={}),
    "a name that is none": entry(actor={"a": 1}),
    "a type that is none": entry(change={"type": ["block"]}),
    "no change": entry(change=None),
    "too deep to be written": {"id": "x", "record": DEEP % ("[" * 400 + "]" * 400), "link": "l"},
    "too deep to be read": {"id": "x", "record": DEEP % ("[" * 9_000 + "]" * 9_000), "link": "l"},
    "10 MB": entry(change={**BLOCK, "more": "y" * 10_000_000}),
    "an id of 10 MB": entry("x" * 10_000_000),
    "a link of 10 MB": {**entry(change={"type": "later"}), "link": "l" * 10_000_000},
    "of a later program": entry(change={"type": "block-country", "country": "XX"}),
    "of another type": entry(change={**BLOCK, "value": 7}),
    "no network": entry(change=NETWORK),
    "one machine's own": entry(change={"type": "release", "incident": "I"}),
}


@pytest.mark.parametrize("fields", FOREIGN.values(), ids=FOREIGN)
def test_what_is_no_change_is_told_and_passed_over(tmp_path, server, served, caplog, fields):
    """What anybody has put into the store: orders before and after it are on every machine, also after a restart."""
    first, second = machines(tmp_path, served)
    first.order(BLOCK)
    first.step()
    second.step()
    with valkey.asked(server) as client:
        client.xadd("guard:{guard}:changes", fields, id="7-0")
    last = first.changes.append(control.change_record(ISOLATE, reason="r", actor="a"))
    for machine in (first, second):
        assert machine.step()
        machine.restart(noted=True)
        assert machine.step()
        assert {type(change) for change, *_ in machine.in_force()} == {changes.Block, changes.Isolate}
        assert machine.follower.version == last == 8
    assert caplog.text.count("the store's change 7 is none for this machine and is passed over: ") == 2
    assert len(caplog.text) < 5_000


def test_of_many_that_are_none_one_line_is_told(tmp_path, server, served, caplog):
    """Nobody fills the log of all machines through the store."""
    (machine,) = machines(tmp_path, served, 1)
    with valkey.asked(server) as client:
        for number in range(1, 500):
            client.xadd("guard:{guard}:changes", {"a": "b"}, id=f"{number}-0")
    machine.step()
    assert machine.follower.version == 499
    assert "change 1 is none" in caplog.text
    assert "and so are 498 of the 499" in caplog.text
    assert len(caplog.messages) == 1


@pytest.mark.parametrize("number", [2**53, 2**63 + 1, 2**64 - 1])
def test_a_number_behind_which_there_is_no_other_is_told(tmp_path, server, served, number):
    """Again and again, but without haste, with what to do about it; and then the machines have all that they had."""
    first, second = machines(tmp_path, served)
    first.order(BLOCK)
    for machine in (first, second):
        machine.step()
    with valkey.asked(server) as client:
        client.xadd("guard:{guard}:changes", {"a": "b"}, id=f"{number}-0")
    second.order(ISOLATE)
    for _ in range(3):
        with pytest.raises(StoreError, match=r"delete guard:\{guard\}:changes, which the machines fill again"):
            second.follower.step()
    with valkey.asked(server) as client:
        client.delete("guard:{guard}:changes")
    for machine in (first, second, first, second, first, second):
        machine.step()
    assert first.in_force() == second.in_force()
    assert len(first.in_force()) == 2


def test_a_fleet_with_another_name_has_what_its_machines_have(tmp_path, store):
    """All that was ordered goes along; what is ordered by the old name then, does not."""
    before = machines(tmp_path, store)
    ids = [before[number % 2].order(change)["id"] for number, change in enumerate((BLOCK, UNBLOCK, ISOLATE))]
    for machine in (*before, *before):
        machine.step()
        machine.follower.finish()
    renamed = Store(url=store.url, name="another")
    after = [Machine(tmp_path / f"n{number}", renamed) for number in range(2)]
    before[0].changes.append(control.change_record(UNBLOCK, reason="r", actor="a"))
    for machine in (*after, *after):
        machine.step()
    assert [set(machine.ids()) for machine in after] == [set(ids)] * 2
    assert after[0].in_force() == after[1].in_force()
    assert [machine.follower.version for machine in after] == [3, 3]


def test_many_changes_come_in_batches(tmp_path, server, served, monkeypatch):
    """More than fit into a batch, either way; and a restart begins where it ended."""
    monkeypatch.setattr(module, "BATCH", 50)
    first, second = machines(tmp_path, served)
    records = [control.change_record(BLOCK | {"value": f"a{n}"}, reason="r", actor="a") for n in range(730)]
    control.append_all(first.journal, records)
    first.follower.step()
    second.follower.step()
    assert second.ids() == first.ids() == [record["id"] for record in records]
    second.restart(noted=True)
    with valkey.asked(server) as client:
        client.config_resetstat()
        second.follower.step()
        assert client.info("commandstats")["cmdstat_evalsha"]["calls"] < 5
    assert len(second.ids()) == 730


def test_a_step_waits_for_what_comes(tmp_path, store):
    """With nothing to do it waits for as long as it is told."""
    (machine,) = machines(tmp_path, store, 1)
    machine.follower.step(0.01)
    machine.changes.append(control.change_record(BLOCK, reason="r", actor="a"))
    machine.follower.step()
    assert machine.follower.version == 1


CHANGES = st.sampled_from(
    [
        BLOCK,
        UNBLOCK,
        ISOLATE,
        {"type": "offline", "model": "m"},
        {"type": "offline", "model": None},
        {"type": "online", "model": "m"},
        {"type": "online", "model": None},
        {"type": "switch", "model": "m", "version": "v1"},
        {"type": "switch", "model": "m", "version": None},
        {"type": "set-limit", "per": "client", "what": "requests", "amount": "1/s"},
        {"type": "remove-limit", "per": "client", "what": None},
        {"type": "hold"},
    ]
)
WHO = st.integers(0, 2)
EVENTS = st.one_of(
    st.tuples(st.just("step"), WHO),
    st.tuples(st.just("step"), WHO),
    st.tuples(st.just("here"), WHO, CHANGES),
    st.tuples(st.just("there"), WHO, CHANGES),
    st.tuples(st.just("both"), WHO, CHANGES),
    st.tuples(st.just("break"), WHO, st.integers(1, 6), st.booleans()),
    st.tuples(st.just("restart"), WHO, st.booleans()),
    st.tuples(st.just("wipe")),
    st.tuples(st.just("save")),
    st.tuples(st.just("rewind")),
)


class Story:
    """Three machines, and what befalls them and their store."""

    def __init__(self, folder, home):
        self.home = home
        store = Store(url=home.url)
        self.machines = machines(folder, store, 3)
        self.store = opened(store).changes
        self.saved = home.save()

    def take(self, event):
        """One event."""
        match event:
            case ("step", who):
                self.machines[who].step()
            case ("here", who, change):
                self.machines[who].order(change)
            case ("there", who, change) if change["type"] != "hold":
                self.store.append(control.change_record(change, reason="r", actor="a"))
            case ("both", who, change) if change["type"] != "hold":
                record = control.change_record(change, reason="r", actor="a")
                self.store.append(record)
                self.machines[who].step()
                control.append_all(self.machines[who].journal, [record])
            case ("break", who, count, late):
                line = self.machines[who].line
                line.breaks_in, line.late = count, late
            case ("restart", who, noted):
                self.machines[who].restart(noted=noted)
            case ("wipe",):
                self.home.empty()
            case ("save",):
                self.saved = self.home.save()
            case ("rewind",):
                self.home.rewind(self.saved)

    def measures(self):
        """The ids of all changes that some machine has taken, but for those that are its own."""
        return {one["id"] for machine in self.machines for one in machine.records() if one["change"]["type"] != "hold"}

    def settle(self):
        """Let all go well until nothing moves any more."""
        for machine in self.machines:
            machine.line.breaks_in = 0
        quiet = 0
        for _ in range(15):
            before = self._sizes()
            went = [machine.step() for machine in self.machines]
            # The first step after the store was emptied finds that out, and the next does something about it.
            quiet = quiet + 1 if all(went) and self._sizes() == before else 0
            if quiet == 2:
                return
        raise AssertionError("they do not settle")

    def _sizes(self):
        return [len(machine.records()) for machine in self.machines], self.store.version()


@pytest.mark.slow
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(events=st.lists(EVENTS, max_size=30))
@pytest.mark.timeout(600)
def test_all_machines_come_to_the_same(home, events):
    """Whatever happens in whatever order, in the end the same is in force everywhere, and no change is lost that some
    machine had taken; each machine has in its log what the store has, in the store's order.
    """
    with TemporaryDirectory() as folder:
        home.empty()
        story = Story(Path(folder), home)
        for event in events:
            story.take(event)
        taken = story.measures()
        story.settle()
        stored = [one.id for one in story.store.read(0, 10_000).changes]
        assert taken <= set(stored)
        newest = list(dict.fromkeys(reversed(stored)))[::-1]
        for machine in story.machines:
            own = {record["id"] for record in machine.records() if record["change"]["type"] == "hold"}
            last = list(dict.fromkeys(reversed(machine.ids())))[::-1]
            assert [id_ for id_ in last if id_ not in own] == newest
            assert machine.in_force() == story.machines[0].in_force()


def test_an_order_that_was_put_aside_stays_in_force(tmp_path, store, monkeypatch):
    """Others' orders that come into the log meanwhile count as ordered before it, also until it is in the store."""
    (machine,) = machines(tmp_path, store, 1)
    machine.step()
    machine.changes.append_all([control.change_record(UNBLOCK, reason="r", actor="a") for _ in range(3)])
    machine.order(BLOCK)
    monkeypatch.setattr(machine.follower, "_push", lambda _: False)
    machine.step()
    assert {type(change) for change, *_ in machine.in_force()} == {changes.Block}
    monkeypatch.undo()
    for _ in range(2):
        machine.step()
    assert {type(change) for change, *_ in machine.in_force()} == {changes.Block}
    assert list(dict.fromkeys(machine.ids()[-4:])) == [one.id for one in machine.changes.read(0).changes]
