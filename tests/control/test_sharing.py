"""Sharing as a process does it: threads, real stores, real faults, real other processes."""

import logging
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from time import monotonic

import pytest

from guard.changes import VersionError
from guard.config import Config, Model, Route, Store, Version
from guard.control.desk import Desk, Order, Planned
from guard.control.order import place
from guard.control.sharing import Sharing
from guard.custody.control import append_all, change_record, changes
from guard.custody.workers import Running, acknowledge
from guard.journal.slot import claim
from guard.proof.node import node_name
from tests.support import valkey
from tests.support.between import Between

pytestmark = pytest.mark.slow

ISOLATE = {"type": "isolate", "model": "m"}


@pytest.fixture
def server():
    """A store of the test's own."""
    with valkey.server() as found:
        yield found


def machine(state, url, timeout=1.0):
    """A machine's configuration."""
    (state / "journal").mkdir(parents=True)
    models = {"m": Model(versions={"v": Version(url="http://h")}, active="v")}
    routes = (Route(path="/", format="openai", model="m"),)
    return Config(models=models, routes=routes, state=str(state), store=Store(url=url, timeout=timeout))


def order():
    """A change."""
    return change_record(ISOLATE, reason="r", actor="a")


def ids(config):
    """Those in a machine's log."""
    return [record["id"] for record in changes(Path(config.state) / "journal")]


def test_an_order_is_on_every_machine_at_once(tmp_path, server):
    """It takes milliseconds, not the pause between two looks."""
    first, second = (machine(tmp_path / name, server.connection_url) for name in "ab")
    with Sharing(first), Sharing(second):
        valkey.until(lambda: place(first, [order()]).where == "store" and ids(first) == ids(second) != [])
        took = []
        for _ in range(10):
            began = monotonic()
            record = order()
            place(first, [record])
            valkey.until(lambda wanted=record["id"]: wanted in ids(first) and wanted in ids(second))
            took.append(monotonic() - began)
    assert sorted(took)[5] < 0.2


def test_the_version_that_orders_are_for_is_the_stores(tmp_path, server):
    """Also when the newest change is one of this machine's own, which has no number of the store's in its log."""
    config = machine(tmp_path / "a", server.connection_url)
    desk = Desk(config)
    with Sharing(config) as sharing:
        desk.sharing = sharing
        append_all(desk.journal, [order()])
        valkey.until(lambda: sharing.store.changes.version() == 1 and sharing.version == 1)
        with desk.state() as state:
            assert (state.shared, desk.version(state), desk.stamp(state)) == (0, 1, "1.2")
        placed = desk.place(Order([Planned(ISOLATE)], "r", if_version=1))
        assert placed.version == 2
        with pytest.raises(VersionError):
            desk.place(Order([Planned(ISOLATE)], "r", if_version=1))


def test_what_is_in_force_is_told_to_all(tmp_path, server):
    """When the workers of a machine have a change, every machine can see that; a machine that ends is not there."""
    first, second = (machine(tmp_path / name, server.connection_url) for name in "ab")
    state = Path(first.state)
    with Sharing(first), Sharing(second) as other, claim(state / "journal") as slot:
        version = place(first, [order()]).version
        valkey.until(lambda: ids(first) and len(other.store.nodes.alive()) == 2)
        acknowledge(state, Running(slot.log, 1, 2, 2))

        def workers():
            (node,) = (one for one in other.store.nodes.alive() if one.node == node_name(state))
            return [worker.version for worker in node.workers]

        began = monotonic()
        valkey.until(lambda: workers() == [version])
        assert monotonic() - began < 0.5
    with Sharing(second) as other:
        valkey.until(lambda: [one.node for one in other.store.nodes.alive()] == [node_name(Path(second.state))])


def test_an_order_for_a_version_counts_what_is_passed_over(tmp_path, server):
    """What somebody has put into the store last is in no log, and the version all the same."""
    config = machine(tmp_path / "a", server.connection_url)
    with Sharing(config) as sharing:
        desk = Desk(config, sharing)
        last = desk.place(Order([Planned(ISOLATE)], "r"), patience=0.0).version
        with valkey.asked(server) as client:
            client.xadd("guard:{guard}:changes", {"a": "b"}, id=f"{last + 1}-0")
        valkey.until(lambda: sharing.version == last + 1)
        with desk.state() as state:
            version = desk.version(state)
        assert version == last + 1
        taken = Order([Planned({"type": "online", "model": "m"})], "r", if_version=version)
        assert desk.place(taken, patience=0.0).version == last + 2


def test_an_order_is_not_late_for_rules_that_it_is_not_about(tmp_path, server):
    """Who has no rules that were pushed has a block in force all the same."""
    config = machine(tmp_path / "a", server.connection_url)
    state = Path(config.state)
    with claim(state / "journal") as slot, Sharing(config) as sharing:
        acknowledge(state, Running(slot.log, 1, 1_000, 1, "the rules are not here"))
        valkey.until(lambda: [len(node.workers) for node in sharing.store.nodes.alive()] == [1])
        desk = Desk(config, sharing)
        assert desk.place(Order([Planned(ISOLATE)], "r")).force.late == []


@pytest.mark.parametrize("how", ["ended", "stopped", "cut", "full"])
def test_a_store_that_is_away_is_told_once_and_taken_up_again(tmp_path, server, caplog, how):
    """What is ordered meanwhile is shared when it is back, within two seconds."""
    caplog.set_level("INFO", "guard.control")
    with Between(server.port) as between:
        first, second = (machine(tmp_path / name, f"redis://127.0.0.1:{between.port}", 0.2) for name in "ab")
        with Sharing(first), Sharing(second):
            placed = order()
            place(first, [placed])
            valkey.until(lambda: ids(first) == ids(second) == [placed["id"]])
            with away(server, between, how):
                meanwhile = [order() for _ in range(3)]
                for number, record in enumerate(meanwhile):
                    config = (first, second)[number % 2]
                    append_all(Path(config.state) / "journal", [record])
                valkey.until(lambda: len(told(caplog)) >= 2)
            began = monotonic()
            wanted = {placed["id"], *(record["id"] for record in meanwhile)}
            valkey.until(lambda: wanted <= {*ids(first)} and wanted <= {*ids(second)})
            assert monotonic() - began < 5
        assert len(told(caplog)) <= 6


def away(server, between, how):
    """The store is away for so long."""
    match how:
        case "stopped":
            return valkey.stopped(server)
        case "cut":
            return Cut(between)
        case "full":
            return Full(server)
    return Ended(server)


class Ended:
    """A server that has ended, and is started again empty."""

    def __init__(self, server):
        self.server = server
        self.port = server.port

    def __enter__(self):
        self.server.stop()

    def __exit__(self, *error):
        self.server._desired_port = self.port
        self.server.start()


class Cut:
    """A network that holds answers back, and then breaks."""

    def __init__(self, between):
        self.between = between

    def __enter__(self):
        self.between.held = True

    def __exit__(self, *error):
        self.between.cut()
        self.between.held = False


class Full:
    """A server that has no room."""

    def __init__(self, server):
        self.server = server

    def __enter__(self):
        with valkey.asked(self.server) as client:
            client.config_set("maxmemory", 1)

    def __exit__(self, *error):
        with valkey.asked(self.server) as client:
            client.config_set("maxmemory", 0)


def told(caplog):
    """What was told as an error."""
    return [record.message for record in caplog.records if record.levelno >= logging.ERROR]


def test_an_emptied_store_is_filled_again_without_an_order(tmp_path, server):
    """Machines notice it by themselves, though nobody broke their connections."""
    first, second = (machine(tmp_path / name, server.connection_url) for name in "ab")
    with Sharing(first) as sharing, Sharing(second):
        records = [order() for _ in range(5)]
        for record in records:
            place(first, [record])
        valkey.until(lambda: len(ids(first)) == len(ids(second)) == 5)
        with valkey.asked(server) as client:
            client.flushall()
        valkey.until(lambda: sharing.store.changes.version() == 5)
        assert [one.id for one in sharing.store.changes.read(0).changes] == [record["id"] for record in records]
        late = order()
        place(second, [late])
        valkey.until(lambda: ids(first)[-1] == ids(second)[-1] == late["id"])
    assert len(ids(first)) == len(ids(second)) == 6


def test_a_slow_store_is_followed(tmp_path, server):
    """Half a second for every answer makes it slow, and nothing else."""
    with Between(server.port) as between:
        slow = machine(tmp_path / "a", f"redis://127.0.0.1:{between.port}", 2.0)
        between.delay = 0.5
        with Sharing(slow):
            record = order()
            append_all(Path(slow.state) / "journal", [record])
            fast = machine(tmp_path / "b", server.connection_url)
            with Sharing(fast):
                valkey.until(lambda: ids(fast) == [record["id"]])


def taken_there(config, records):
    """Give one order more; whether it went into the store."""
    records.append(order())
    return place(config, records[-1:]).where == "store"


def test_another_server_takes_over(tmp_path):
    """Behind sentinels the changes go on in the replica; those that it did not get come from the machines."""
    (tmp_path / "sentinel").mkdir()
    with valkey.watched(tmp_path / "sentinel") as fleet:
        url = f"redis+sentinel://127.0.0.1:{fleet.sentinel}/fleet"
        first, second = (machine(tmp_path / name, url) for name in "ab")
        with Sharing(first), Sharing(second) as sharing:
            records = [order()]
            place(first, records)
            valkey.until(lambda: len(ids(first)) == len(ids(second)) == 1)
            fleet.primary.terminate()
            valkey.until(lambda: taken_there(first, records))
            wanted = {record["id"] for record in records}
            valkey.until(lambda: wanted <= {*ids(first)} and wanted <= {*ids(second)})
            valkey.until(lambda: sharing.store.changes.version() == len(wanted))


def test_a_cluster_is_followed(tmp_path):
    """All keys of a fleet are on one of its servers."""
    with valkey.cluster() as nodes:
        url = "redis+cluster://" + ",".join(f"127.0.0.1:{node.port}" for node in nodes)
        first, second = (machine(tmp_path / name, url) for name in "ab")
        with Sharing(first), Sharing(second) as sharing:
            placed = [order() for _ in range(3)]
            for record in placed:
                assert place(first, [record]).where == "store"
            valkey.until(lambda: len(ids(first)) == len(ids(second)) == 3)
            valkey.until(lambda: len(sharing.store.nodes.alive()) == 2)


def test_one_process_at_a_time_shares_for_a_machine(tmp_path, server):
    """Another one waits for the end of the first, and takes over then."""
    config = machine(tmp_path / "a", server.connection_url)
    with ExitStack() as stack:
        with Sharing(config) as first:
            valkey.until(lambda: len(first.store.nodes.alive()) == 1)
            stack.enter_context(Sharing(config))
            place(config, [order()])
            valkey.until(lambda: len(ids(config)) == 1)
        place(config, [order()])
        valkey.until(lambda: len(ids(config)) == 2)


FOLLOW = """
import sys
from contextlib import ExitStack
from pathlib import Path
from guard.control.sharing import Sharing
from guard.settings import load
with Sharing(load(Path(sys.argv[1]))):
    print("there", flush=True)
    sys.stdin.read()
"""


def test_a_process_that_is_killed_is_followed_by_another(tmp_path, server):
    """Killed at any moment, it leaves nothing undone that the next one does not do."""
    config = machine(tmp_path / "a", server.connection_url)
    path = tmp_path / "guard.yaml"
    path.write_text(
        f"store: {{url: '{server.connection_url}'}}\nstate: {config.state}\n"
        "models: {m: {versions: {v: {url: 'http://h'}}, active: v}}\n"
        "routes: [{path: /, format: openai, model: m}]\n"
    )
    wanted = []
    for number in range(4):
        with subprocess.Popen(
            [sys.executable, "-c", FOLLOW, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"there\n"
            for _ in range(20 * number):
                wanted.append(order())
                place(config, [wanted[-1]])
            process.kill()
    with Sharing(config):
        valkey.until(lambda: ids(config) == [record["id"] for record in wanted])
