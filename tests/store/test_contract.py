"""What holds for a log of changes wherever it is: in the journal of one machine, or in any kind of store."""

import multiprocessing
from pathlib import Path

import pytest

from guard.changes import VersionError
from guard.config import Store
from guard.custody import control
from guard.store.opening import opened
from tests.support import valkey


class Journal:
    """The log in a folder."""

    def __init__(self, place):
        self._folder = Path(place)

    def append(self, record, if_version=None):
        """Add a record; the version with it."""
        return control.append_all(self._folder, [record], if_version=if_version)[0]["seq"] + 1

    def ids(self):
        """Those of all changes by version."""
        return {record["seq"] + 1: record["id"] for record in control.changes(self._folder)}


class Shared:
    """The log in a store."""

    def __init__(self, place):
        self._changes = opened(Store(url=place, timeout=10.0)).changes

    def append(self, record, if_version=None):
        """Add a record; the version with it."""
        return self._changes.append(record, if_version)

    def ids(self):
        """Those of all changes by version."""
        found: dict[int, str] = {}
        while page := self._changes.read(max(found, default=0), 50).changes:
            found |= {one.version: one.id for one in page}
        return found


KINDS = {"journal": Journal, "file": Shared, "server": Shared, "cluster": Shared}


@pytest.fixture(params=KINDS)
def place(request, tmp_path):
    """Which kind, and where it is."""
    match request.param:
        case "journal":
            yield request.param, str(tmp_path)
        case "file":
            yield request.param, f"sqlite:{tmp_path}/store.db"
        case "server":
            with valkey.server() as server:
                yield request.param, server.connection_url
        case "cluster":
            with valkey.cluster() as nodes:
                yield request.param, "redis+cluster://" + ",".join(f"127.0.0.1:{node.port}" for node in nodes)


def log_at(place):
    """The log there."""
    kind, where = place
    return KINDS[kind](where)


def record(id_):
    """A change."""
    return {
        "kind": "change",
        "id": id_,
        "at": 1.0,
        "actor": "a",
        "reason": "r",
        "change": {"type": "isolate", "model": id_},
    }


def test_changes_come_back_in_order(place):
    """Each has a higher version than the one before, and others see the same."""
    log = log_at(place)
    versions = [log.append(record(f"c{number}")) for number in range(20)]
    assert versions == sorted(set(versions))
    assert log_at(place).ids() == {version: f"c{number}" for number, version in enumerate(versions)}


def test_a_condition_holds_or_nothing_is_written(place):
    """An order for a version that is over is refused, with the version there is."""
    log = log_at(place)
    first = log.append(record("a"))
    second = log.append(record("b"), first)
    with pytest.raises(VersionError) as caught:
        log.append(record("c"), first)
    assert (caught.value.version, caught.value.expected) == (second, first)
    assert list(log.ids().values()) == ["a", "b"]


def _append(place, name):
    log = log_at(place)
    for number in range(25):
        log.append(record(f"{name}-{number}"))


def _race(place, name, won):
    """Add a change whenever the version is the one just seen; say which versions that gave."""
    log = log_at(place)
    for number in range(15):
        while True:
            seen = max(log.ids(), default=0)
            try:
                won.put(log.append(record(f"{name}-{number}"), seen))
                break
            except VersionError:
                continue


def _together(target, *arguments):
    spawn = multiprocessing.get_context("spawn")
    processes = [spawn.Process(target=target, args=(arguments[0], name, *arguments[1:])) for name in "xyz"]
    for process in processes:
        process.start()
    return processes


def test_several_processes_append(place):
    """No version is given twice, no change is lost, and each process's own stay in their order."""
    for process in _together(_append, place):
        process.join(60)
        assert process.exitcode == 0
    ids = list(log_at(place).ids().values())
    for name in "xyz":
        assert [id_ for id_ in ids if id_.startswith(name)] == [f"{name}-{number}" for number in range(25)]
    assert len(ids) == 75


def test_of_several_with_the_same_condition_one_wins(place):
    """Processes that add only to what they have seen never add to anything else."""
    log_at(place).append(record("first"))
    won = multiprocessing.get_context("spawn").Queue()
    processes = _together(_race, place, won)
    versions = [won.get(timeout=60) for _ in range(45)]
    for process in processes:
        process.join(60)
    assert len(set(versions)) == 45
    assert len(log_at(place).ids()) == 46
