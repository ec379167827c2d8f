"""Doing tasks."""

import os
import signal

import pytest

from guard.evidence.chunk import Task
from guard.evidence.filters import FilterError, Filters
from guard.evidence.reader import Objects
from guard.evidence.source import sources
from guard.evidence.work import OPEN_FILES, SMALL_BYTES, Contents, done, processes_for
from tests.evidence.made import ids, refused
from tests.support.journals import Log


@pytest.fixture
def tasks(tmp_path):
    """A task for each of a few segments with an exchange."""
    log = Log(tmp_path)
    for number in range(OPEN_FILES + 3):
        log.add(refused(f"{number}", number, prompt=["a" * 40 + "b"]))
        log.rotate()
    return [Task(source, 0, 10_000) for source in sources(tmp_path, "w1")[:-1]]


@pytest.mark.parametrize("processes", [1, 2])
def test_results_come_in_order(tasks, processes):
    """Whoever does them, results come in the order of the tasks."""
    made = [scanned.made for scanned in done(tasks, Filters(), Objects, processes)]
    assert [ids(one) for one in made] == [[f"{number}"] for number in range(len(tasks))]


def test_trouble_in_another_process_is_told_here(tasks):
    """A filter that cannot be applied is the same error from another process."""
    with pytest.raises(FilterError, match="takes more than"):
        list(done(tasks[:1], Filters(text="(a+)+$", regex=True), Objects, 2))


class Deadly(Objects):
    """Kills the process that it is in."""

    def add(self, exchange):  # noqa: ARG002  it does not come to that
        os.kill(os.getpid(), signal.SIGKILL)


def test_killed_process_is_told(tasks):
    """Where a process is killed, as the system does when memory runs out, that is an error in words."""
    with pytest.raises(OSError, match="was killed"):
        list(done(tasks, Filters(), Deadly, 2))


def test_few_files_are_open(tasks):
    """The files read last stay open, and no more of them than some."""
    contents = Contents()
    for task in tasks:
        contents.of(task.source)
    assert contents.of(tasks[-1].source) is contents.of(tasks[-1].source)
    assert len(contents._open) == OPEN_FILES
    contents.close()
    assert not contents._open


def test_file_that_is_gone_is_told(tasks):
    """A segment that was deleted after it was listed is a note, and the rest goes on."""
    tasks[0].source.segment.path(".jsonl").unlink()
    first, second = done(tasks[:2], Filters(), Objects, 1)
    assert (first.made, first.notes) == ([], ["w1/0: it cannot be read (no such file or directory)"])
    assert ids(second.made) == ["1"]


def test_processes_are_started_for_much_only():
    """A small journal is read at once; a large one by every core."""
    assert processes_for(SMALL_BYTES - 1) == 1
    assert processes_for(SMALL_BYTES) == len(os.sched_getaffinity(0))
