"""Where an order goes, with a real store that is there, silent, full or gone."""

import os
import subprocess
import sys
from time import monotonic

import pytest
from msgspec.structs import replace

from guard.changes import VersionError
from guard.config import Config, Model, Route, Store, Version
from guard.control.order import Placed, place, place_aside
from guard.custody.control import change_record, changes
from guard.proof.node import node_name
from guard.store.errors import StoreError
from guard.store.opening import opened
from loadtests.ports import free_port
from tests.support import valkey
from tests.support.between import Between

BLOCK = {"type": "block", "kind": "account", "value": "acme"}


@pytest.fixture
def config(tmp_path):
    """A machine's, without a store."""
    (tmp_path / "journal").mkdir()
    models = {"m": Model(versions={"v": Version(url="http://h")}, active="v")}
    return Config(models=models, routes=(Route(path="/", format="openai", model="m"),), state=str(tmp_path))


@pytest.fixture
def server():
    """A store of the test's own."""
    with valkey.server() as found:
        yield found


def sharing(config, port, timeout=1.0):
    """The same machine with a store."""
    return replace(config, store=Store(url=f"redis://127.0.0.1:{port}", timeout=timeout))


def order(change=BLOCK):
    """A change as it is given."""
    return change_record(change, reason="r", actor="a")


def here(tmp_path):
    """The ids in the machine's log."""
    return [record["id"] for record in changes(tmp_path / "journal")]


def test_without_a_url_it_goes_into_the_machines_own_store(config, tmp_path):
    """The version is that store's, and so is the condition; nothing is written here then."""
    first = order()
    assert place(config, [first]) == Placed(1, "store")
    with pytest.raises(VersionError):
        place(config, [order()], if_version=0)
    assert place(config, [order()], if_version=1) == Placed(2, "store")
    with opened(config.store, tmp_path) as store:
        assert store.changes.read(0).changes[0].id == first["id"]
    assert here(tmp_path) == []


def test_a_store_of_its_own_that_is_broken_keeps_nobody_from_acting(config, tmp_path):
    """The order is in this machine's log, and no other machine has to wait for it."""
    (tmp_path / "store.db").mkdir()
    record = order()
    assert place(config, [record]) == Placed(2, "here")
    with pytest.raises(StoreError, match=r"cannot be opened .*; an order for version 7 can go nowhere else"):
        place(config, [order()], if_version=7)
    assert here(tmp_path) == [record["id"]]


def test_with_a_store_it_goes_there(config, tmp_path, server):
    """Nothing is written here then: that is for what follows the store."""
    config = sharing(config, server.port)
    record = order()
    assert place(config, [record]) == Placed(1, "store")
    with opened(config.store) as store:
        assert place(config, [order()], if_version=1, store=store) == Placed(2, "store")
        assert store.changes.read(0).changes[0].record == {**record, "origin": node_name(tmp_path)}
    with pytest.raises(VersionError) as caught:
        place(config, [order()], if_version=1)
    assert caught.value.version == 2
    assert here(tmp_path) == []


@pytest.mark.parametrize("shared", [True, False])
def test_several_changes_go_together(config, tmp_path, server, shared):
    """They follow one another in the store, all of them or none, and the version is the last one's."""
    config = sharing(config, server.port) if shared else config
    before = place(config, [order()]).version
    records = [order() for _ in range(3)]
    assert place(config, records, if_version=before).version == before + 3
    with pytest.raises(VersionError):
        place(config, [order(), order()], if_version=before)
    with opened(config.store, tmp_path) as store:
        found = [one.id for one in store.changes.read(0).changes]
    assert found[1:] == [record["id"] for record in records]


def test_what_is_this_machines_own_stays_here(config, tmp_path, server):
    """A hold is of one journal."""
    assert place(sharing(config, server.port), [order({"type": "hold"})]).where == "here"
    assert len(here(tmp_path)) == 1


def test_a_store_that_is_gone_keeps_nobody_from_acting(config, tmp_path):
    """The order is in this machine's log at once, and it is said why it is nowhere else."""
    config = sharing(config, free_port())
    record = order()
    began = monotonic()
    placed = place(config, [record])
    assert monotonic() - began < 0.5
    assert (placed.version, placed.where) == (2, "here")
    assert "cannot be reached" in placed.trouble
    assert here(tmp_path) == [record["id"]]


def test_a_store_that_is_stopped_costs_no_more_than_the_timeout(config, server):
    """However many steps it takes to find that out."""
    config = sharing(config, server.port, timeout=0.3)
    with valkey.stopped(server):
        began = monotonic()
        placed = place(config, [order()])
        assert 0.2 < monotonic() - began < 0.8
    assert placed.where == "here"
    assert "does not answer within 0.3 seconds" in placed.trouble


def test_a_slow_store_is_waited_for(config, server):
    """Half a second each way is not too long."""
    with Between(server.port) as between:
        config = sharing(config, between.port, timeout=5.0)
        between.delay = 0.5
        assert place(config, [order()]) == Placed(1, "store")


def test_a_store_that_is_full_keeps_nobody_from_acting(config, server):
    """What it refuses goes into this machine's log."""
    with valkey.asked(server) as client:
        client.config_set("maxmemory", 1)
    placed = place(sharing(config, server.port), [order()])
    assert (placed.where, "it is full" in placed.trouble) == ("here", True)


def test_an_order_for_a_version_goes_to_the_store_or_nowhere(config, tmp_path, server):
    """Only the store can tell what the version is; if it takes nothing, nothing is written here either."""
    with valkey.asked(server) as client:
        client.config_set("maxmemory", 1)
    with pytest.raises(StoreError, match=r"it is full; an order for version 0 can go nowhere else$"):
        place(sharing(config, server.port), [order()], if_version=0)
    assert here(tmp_path) == []


def test_an_order_that_may_have_been_taken_is_told_so(config, server):
    """No answer came: the order may be in force all the same."""
    with valkey.stopped(server), pytest.raises(StoreError, match="it may have taken it all the same"):
        place(sharing(config, server.port, timeout=0.2), [order()], if_version=0)


GIVE = """
import sys
from pathlib import Path
from guard.control.order import place
from guard.custody.control import change_record
from guard.settings import load
print(place(load(Path(sys.argv[1])), [change_record({"type": "isolate", "model": "m"}, reason="r")]).where)
"""


def test_a_command_that_gives_up_on_the_store_ends(tmp_path, server):
    """The thread that still waits for an answer does not keep its process."""
    path = tmp_path / "guard.yaml"
    path.write_text(
        f"store: {{url: 'redis://127.0.0.1:{server.port}', timeout: 0.2}}\nstate: {tmp_path}\n"
        "models: {m: {versions: {v: {url: 'http://h'}}, active: v}}\n"
        "routes: [{path: /, format: openai, model: m}]\n"
    )
    with valkey.stopped(server):
        done = subprocess.run(
            [sys.executable, "-c", GIVE, str(path)], capture_output=True, timeout=20, check=False, env=dict(os.environ)
        )
    assert (done.returncode, done.stdout) == (0, b"here\n"), done.stderr


def test_what_the_store_does_not_take_now_is_placed_aside(config, tmp_path):
    """In this machine's log; an order for a version is not, for only the store can tell what that is."""
    error = StoreError("the store x: it is busy", unsure=True)
    for found, trouble in ((config, ""), (sharing(config, 1), str(error))):
        assert place_aside(found, [order()], None, error)._replace(version=0) == Placed(0, "here", trouble)
        with pytest.raises(StoreError, match="for version 3 can go nowhere else, and it may have taken it"):
            place_aside(found, [order()], 3, error)
    assert len(here(tmp_path)) == 2
