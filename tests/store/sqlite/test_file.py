"""A database in a file, with other processes that use it, and what may befall it."""

import multiprocessing
import os
import sqlite3
import stat
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from functools import partial
from time import monotonic

import pytest

from guard.store.errors import StoreError
from guard.store.sqlite.file import APPLICATION, SIDES, File, Schema

LASTING = Schema(3, ("CREATE TABLE words (word TEXT)",), lasting=True)
PASSING = LASTING._replace(lasting=False)
SPAWN = multiprocessing.get_context("spawn")


@pytest.fixture
def path(tmp_path):
    """Where it is."""
    return tmp_path / "x.db"


@pytest.fixture
def file(path):
    """A database, in use."""
    found = File(path, LASTING, 5.0)
    yield found
    found.close()


def put(file, word):
    """Add one."""
    file.write(lambda database: database.execute("INSERT INTO words VALUES (?)", (word,)))


def words(file):
    """All of them."""
    found = file.read(lambda database: database.execute("SELECT word FROM words").fetchall())
    return [word.decode() for (word,) in found]


def test_what_one_wrote_others_read(path, file):
    """At once, whoever opened it first."""
    other = File(path, LASTING, 5.0)
    put(file, "a")
    put(other, "b")
    assert words(file) == words(other) == ["a", "b"]
    other.close()
    assert words(other) == ["a", "b"]


def test_only_its_owner_reads_it(path, file):
    """As all that is in the state folder; the files beside it too."""
    put(file, "a")
    found = {one.name: stat.S_IMODE(one.stat().st_mode) for one in path.parent.iterdir()}
    assert found == {path.name: 0o600, f"{path.name}-wal": 0o600, f"{path.name}-shm": 0o600}


@pytest.mark.parametrize(("schema", "expected"), [(LASTING, 2), (PASSING, 0)])
def test_what_has_to_last_is_synced(path, schema, expected):
    """FULL is 2, OFF is 0; and in both the mode is WAL."""
    file = File(path, schema, 5.0)

    def modes(database):
        return [database.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")]

    assert file.read(modes) == [b"wal", expected]
    file.close()


def test_work_that_fails_changes_nothing(file):
    """Nothing of it is there, and the next piece of work is done."""

    def work(database):
        database.execute("INSERT INTO words VALUES ('half')")
        raise KeyError

    with pytest.raises(KeyError):
        file.write(work)
    put(file, "whole")
    assert words(file) == ["whole"]


def test_who_reads_is_not_in_the_way_of_who_writes(path, file):
    """What is read is as it was when it began."""
    other = File(path, LASTING, 0.1)
    put(file, "a")

    def work(database):
        before = database.execute("SELECT word FROM words").fetchall()
        put(other, "b")
        return before, database.execute("SELECT word FROM words").fetchall()

    before, after = file.read(work)
    assert before == after == [(b"a",)]
    assert words(file) == ["a", "b"]


@pytest.mark.parametrize("mine", [True, False])
def test_nobody_waits_for_long(path, file, mine):
    """Another thread, or somebody else, has it: that is told when the time is over, and later all is well."""
    late = file if mine else File(path, LASTING, 0.1)
    late.timeout = 0.1
    has_it, done = threading.Event(), threading.Event()

    def work(_):
        has_it.set()
        assert done.wait(10)

    holder = threading.Thread(target=file.write, args=(work,))
    holder.start()
    assert has_it.wait(10)
    began = monotonic()
    with pytest.raises(StoreError, match=r"x\.db: others hold it for more than 0\.1 seconds") as caught:
        put(late, "a")
    assert not caught.value.unsure
    assert monotonic() - began < 2.0
    done.set()
    holder.join()
    put(late, "b")
    assert words(late) == ["b"]


def test_one_that_was_taken_away_is_made_anew(path, file):
    """Who had it open does not go on with what is no longer there; what lay beside it is not the new one's."""
    put(file, "old")
    saved = {side: path.with_name(path.name + side).read_bytes() for side in SIDES}
    path.unlink()
    other = File(path, LASTING, 5.0)
    assert words(other) == []
    put(other, "new")
    assert words(file) == ["new"]
    file.close()
    other.close()
    path.unlink()
    for side, data in saved.items():
        path.with_name(path.name + side).write_bytes(data)
    assert words(file) == []


def test_what_another_writes_to_a_new_one_stays(path, file, monkeypatch):
    """Also where both find none there, and the other is done before this one has seen that."""
    other, opened = File(path, LASTING, 5.0), os.open

    def late(where, *more, **named):
        descriptor = opened(where, *more, **named)
        if where == path:
            monkeypatch.undo()
            put(other, "a")
        return descriptor

    monkeypatch.setattr("guard.store.sqlite.file.os.open", late)
    put(file, "b")
    other.close()
    assert words(file) == ["a", "b"]


def test_one_that_another_is_making_is_no_other_programs(path, file, monkeypatch):
    """What it is, is seen as of one time."""
    other = File(path, LASTING, 0.1)
    connect = sqlite3.connect

    class Slow(sqlite3.Connection):
        def execute(self, statement, *more):
            if "sqlite_schema" in statement:
                monkeypatch.undo()
                with suppress(StoreError):
                    put(other, "a")
            return super().execute(statement, *more)

    monkeypatch.setattr("sqlite3.connect", partial(connect, factory=Slow))
    put(file, "b")
    assert words(file)[-1] == "b"
    other.close()


def test_one_that_was_exchanged_is_the_new_one(path, file, tmp_path):
    """As when somebody puts a backup in its place."""
    backup = File(tmp_path / "backup", LASTING, 5.0)
    put(backup, "saved")
    backup.close()
    put(file, "lost")
    for side in SIDES:
        path.with_name(path.name + side).unlink()
    backup.path.replace(path)
    assert words(file) == ["saved"]


def test_a_stamp_changes_with_what_others_write(path, file):
    """Not with what is only read; and it does where the file is another."""
    watch = File(path, LASTING, 5.0)
    before = watch.stamp()
    assert words(file) == []
    assert watch.stamp() == before
    put(file, "a")
    after = watch.stamp()
    assert after != before
    path.unlink()
    put(file, "b")
    assert watch.stamp() != after
    watch.close()


def some(path):
    """A database of something else."""
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE theirs (x)")


def newer(path):
    """One of a later guard."""
    file = File(path, LASTING._replace(number=4), 5.0)
    put(file, "a")
    file.close()


NOT_OURS = {
    "another program's": (some, "another program's database"),
    "a later guard's": (newer, "its tables are of number 4, and this guard knows 3"),
    "no database": (lambda path: path.write_bytes(b"something else " * 1_000), "it is no database"),
    "a folder": (lambda path: path.mkdir(), "cannot be opened"),
}


@pytest.mark.parametrize(("make", "expected"), NOT_OURS.values(), ids=NOT_OURS)
def test_what_is_not_ours_is_left_as_it_is(path, file, make, expected):
    """It is told what it is, and nothing is written to it."""
    make(path)
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(StoreError, match=expected) as caught:
        put(file, "a")
    assert str(path) in str(caught.value)
    assert (path.read_bytes() if path.is_file() else None) == before


def test_a_folder_that_is_not_there_is_told(tmp_path):
    """It is for whoever runs the guard to make it."""
    file = File(tmp_path / "none" / "x.db", LASTING, 5.0)
    with pytest.raises(StoreError, match=r"x\.db: it cannot be opened \(No such file or directory\)"):
        put(file, "a")
    with pytest.raises(StoreError, match="cannot be opened"):
        file.stamp()


def damage(path):
    """Write over all pages but the first."""
    size = path.stat().st_size
    with path.open("r+b") as found:
        found.seek(4_096)
        found.write(b"\xff" * (size - 4_096))


@pytest.mark.parametrize("how", [damage, lambda path: path.write_bytes(b"something else " * 1_000)])
def test_one_that_is_damaged_is_told_and_stays(path, file, how):
    """It is for whoever can mend it, or take it away."""
    put(file, "a")
    file.close()
    how(path)
    before = path.read_bytes()
    for _ in range(2):
        with pytest.raises(StoreError, match=r"it is damaged|it is no database"):
            put(file, "b")
    assert path.read_bytes() == before


@pytest.mark.parametrize("how", [damage, lambda path: path.write_bytes(b"something else " * 1_000)])
def test_one_that_may_be_made_anew_is_set_aside(path, how):
    """By who meets it first; others go on with the new one."""
    file, other = (File(path, LASTING, 5.0, mends=True) for _ in range(2))
    put(file, "a")
    file.close()
    how(path)
    before = path.read_bytes()
    with pytest.raises(StoreError, match=r"it is damaged|it is no database"):
        put(file, "b")
    put(other, "c")
    put(file, "d")
    assert words(other) == ["c", "d"]
    assert path.with_name("x.db-damaged").read_bytes() == before


def test_a_full_disk_is_told(file):
    """What is there can be read, and with room it goes on."""
    put(file, "a")
    file.read(lambda database: database.execute("PRAGMA max_page_count=1"))
    with pytest.raises(StoreError, match="its disk is full") as caught:
        put(file, "b" * 100_000)
    assert not caught.value.unsure
    assert words(file) == ["a"]
    put(file, "c")
    assert words(file) == ["a", "c"]


def test_one_that_others_use_is_on_this_machine(path, monkeypatch):
    """On a network file system they might be elsewhere, and would not see what is written; one alone may be there."""
    monkeypatch.setattr("guard.store.sqlite.file.network", lambda _: "nfs4")
    with pytest.raises(StoreError, match=r"on a network file system \(nfs4\), .* expected a disk of this machine"):
        put(File(path, LASTING, 5.0, shared=True), "a")
    assert not path.exists()
    put(File(path, LASTING, 5.0), "a")


def many(path, name):
    """Write some, one after the other."""
    file = File(path, LASTING, 10.0)
    for number in range(20):
        put(file, f"{name}{number}")
    file.close()


def test_several_processes_begin_at_once(path):
    """Who comes first makes the tables; nothing that any of them writes is lost."""
    processes = [SPAWN.Process(target=many, args=(path, name)) for name in "abcd"]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    found = words(File(path, LASTING, 5.0))
    assert sorted(found) == sorted(f"{name}{number}" for name in "abcd" for number in range(20))


KILLED = """
import os, sys
from pathlib import Path
from tests.store.sqlite.test_file import LASTING, File, put
file = File(Path(sys.argv[1]), LASTING, 5.0)
put(file, "done")
def work(database):
    database.execute("INSERT INTO words VALUES ('half')")
    os.kill(os.getpid(), 9)
file.write(work)
"""


def test_who_is_killed_holds_nothing(path):
    """Others go on at once; what was not done by then is not there."""
    done = subprocess.run([sys.executable, "-c", KILLED, str(path)], check=False)
    assert done.returncode == -9
    file = File(path, LASTING, 0.2)
    put(file, "after")
    assert words(file) == ["done", "after"]


def test_programs_know_whose_it_is(path, file):
    """By the number in its head."""
    put(file, "a")
    file.close()
    assert int.from_bytes(path.read_bytes()[68:72]) == APPLICATION == int.from_bytes(b"guar")


def test_who_comes_while_it_is_made_finds_it_whole(tmp_path):
    """Never half of its tables, nor what lies beside it taken away."""
    with ThreadPoolExecutor(3) as pool:
        for number in range(200):
            files = [File(tmp_path / f"{number}.db", PASSING, 5.0) for _ in range(3)]
            list(pool.map(put, files, "abc"))
            assert sorted(words(files[0])) == ["a", "b", "c"]
            for file in files:
                file.close()
