"""What is done besides answering calls."""

import threading
import time

from guard.admin.works import Work, works
from guard.custody import snapshot
from guard.custody.control import append_all, change_record
from tests.support.admin import config


def until(condition):
    """Wait for a condition."""
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_work_goes_on_over_its_failures(caplog):
    """Each is told once; it is tried again."""
    done = threading.Event()
    failures = iter([OSError("full"), OSError("full"), ValueError("odd"), KeyError("x")])

    def step():
        if (error := next(failures, None)) is not None:
            raise error
        done.set()

    work = Work("the work", step, 0.001)
    work.start()
    assert done.wait(10)
    work.end()
    told = [record.message for record in caplog.records]
    assert told == ["the work: full", "the work: odd", "the work: a fault in the guard, KeyError: 'x'"]


def test_snapshots_are_written(tmp_path, monkeypatch):
    """When enough has come to the control log."""
    monkeypatch.setattr(snapshot.Snapshots.__init__, "__defaults__", (3,))
    settings = config(tmp_path)
    made = works(settings)
    for work in made:
        work.start()
    records = [change_record({"type": "block", "kind": "ip", "value": f"10.0.0.{n}"}, reason="r") for n in range(5)]
    append_all(tmp_path / "journal", records)
    until((tmp_path / snapshot.FILE).exists)
    for work in made:
        work.end()
