"""Scanning whole journals."""

from operator import itemgetter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guard.evidence.filters import FilterError, Filters
from guard.evidence.reader import Objects
from guard.evidence.scan import Scan
from tests.evidence.made import ids, mark, outcome, part, prompt, refused
from tests.support.journals import Log
from tests.support.sealing import seal_all


def scanned(journal: Path, filters: Filters | None = None, **options: Any) -> list[dict[str, Any]]:
    """The exchanges that a scan finds."""
    scan = Scan(journal, filters or Filters(), Objects, **{"processes": 1, **options})
    return [exchange for made in scan.run() for exchange in made]


@pytest.fixture
def journal(tmp_path):
    """Two logs in several segments with whole, streamed, refused and open exchanges, some across segments."""
    for name in ("w1", "w2"):
        log = Log(tmp_path, name)
        for number in range(30):
            id_ = f"{name}-{number:02}"
            log.add(prompt(id_, 1_000 + number), *(part(id_, f"<{piece}>") for piece in range(number % 3)))
            if number % 7 == 3:
                log.rotate(at=1_000.5 + number)
            if number % 5:
                log.add(mark(1_000.6 + number), outcome(id_))
        log.add(refused(f"{name}-30", 1_030))
    return tmp_path


@pytest.mark.parametrize("chunk", [100, 1_000, 10**9])
@pytest.mark.parametrize("newest_first", [False, True])
def test_cuts_change_nothing(journal, chunk, newest_first):
    """However small the pieces and whichever way they are taken, every exchange is found once and whole."""
    found = scanned(journal, chunk=chunk, newest_first=newest_first)
    assert sorted(ids(found)) == sorted(f"{name}-{number:02}" for name in ("w1", "w2") for number in range(31))
    for one in found:
        number = int(one["id"][3:])
        assert one["end"] == ("refused" if number == 30 else "complete" if number % 5 else None)
        pieces = "" if number == 30 else "".join(f"<{piece}>" for piece in range(number % 3))
        assert (one["response"]["body"] or "") == pieces


@pytest.mark.parametrize("newest_first", [False, True])
def test_sealing_changes_nothing(journal, newest_first):
    """Sealed segments give the same exchanges as plain ones, in the same order."""
    before = scanned(journal, chunk=1_000, newest_first=newest_first)
    assert len([*seal_all(journal, "w1"), *seal_all(journal, "w2")]) == 8
    found = scanned(journal, chunk=1_000, newest_first=newest_first)
    assert sorted(found, key=itemgetter("id")) == sorted(before, key=itemgetter("id"))


def test_damaged_seal_is_told(journal):
    """A sealed segment that is damaged is told with what is wrong, and the rest is read."""
    first, *_ = seal_all(journal, "w1")
    path = journal / "w1" / f"{0:016d}.jsonl.zst"
    path.write_bytes(path.read_bytes()[: first.sealed // 2])
    (journal / "w1" / f"{first.end:016d}.manifest").write_bytes(b"?")
    notes: list[str] = []
    assert "w1-30" in ids(scanned(journal, note=notes.append))
    assert sorted(note.split(" (")[0] for note in notes) == [
        "w1/0: it cannot be read",
        f"w1/{first.end}: it cannot be read",
    ]


def test_processes_find_the_same(journal):
    """Several processes find what one does."""
    wanted = Filters(text="<1>")
    several = scanned(journal, wanted, chunk=500, processes=2)
    assert several == scanned(journal, wanted, chunk=500)
    assert len(several) == 20


@pytest.mark.parametrize(
    "filters", [{"text": "<0><1>"}, {"end": ("complete",)}, {"text": "of w1-07"}, {"id": ("w2-05",)}]
)
def test_filters_see_whole_exchanges(journal, filters):
    """What is in one line and what is in another are judged together, whatever the cuts."""
    wanted = Filters(**filters)
    every = scanned(journal, wanted, chunk=10**9)
    assert every
    assert sorted(ids(scanned(journal, wanted, chunk=64))) == sorted(ids(every))


@given(since=st.integers(995, 1_035), length=st.integers(0, 40))
def test_time_ranges_are_exact(tmp_path_factory, since, length):
    """Segments that are skipped have nothing of the time, and an end that lies behind it is found."""
    folder = tmp_path_factory.mktemp("journal")
    log = Log(folder)
    for number in range(20):
        log.add(prompt(f"{number}", 100 * number), *([outcome(f"{number - 2}")] if number > 1 else []))
        log.rotate(at=100 * number + 50)
    since, until = (since - 995) * 50, (since - 995 + length) * 50
    found = {one["id"]: one["end"] for one in scanned(folder, Filters(since=since, until=until))}
    assert found == {
        f"{number}": "complete" if number < 18 else None for number in range(20) if since <= 100 * number <= until
    }


def test_ends_are_looked_for_behind_the_time(tmp_path):
    """An exchange of the time that ended hours later is found whole; one that died with its guard is open."""
    log = Log(tmp_path)
    log.add(prompt("long", 1_000), prompt("dead", 1_001))
    log.rotate(at=20_000)
    log.add(b"damage\n", outcome("long"))
    log.rotate(at=30_000, why="crash")
    log.add(outcome("dead"))
    notes: list[str] = []
    found = scanned(tmp_path, Filters(since=900, until=1_100), note=notes.append)
    assert {one["id"]: one["end"] for one in found} == {"long": "complete", "dead": None}
    assert notes == []


def test_logs_can_be_chosen(journal):
    """Only the logs that are named are read."""
    assert {id_[:2] for id_ in ids(scanned(journal, Filters(log=("w2",))))} == {"w2"}
    with pytest.raises(FilterError, match="in a log 'w3'; expected one of w1, w2"):
        scanned(journal, Filters(log=("w3",)))


def test_progress_is_told(journal):
    """How far it is comes in bytes, up to all of them."""
    told: list[tuple[int, int]] = []
    scanned(journal, chunk=1_000, progress=lambda done, of: told.append((done, of)))
    assert told == sorted(told)
    assert told[-1][0] == told[-1][1] == sum(path.stat().st_size for path in journal.rglob("*.jsonl"))


def test_segment_that_cannot_be_read_is_told(journal):
    """A file that is no file is told, and the rest is read."""
    path = journal / "w1" / f"{0:016d}.jsonl"
    path.unlink()
    path.mkdir()
    notes: list[str] = []
    assert "w2-30" in ids(scanned(journal, note=notes.append))
    assert notes[0] == "w1/0: it cannot be read (is a directory)"


def test_words_in_other_places_begin_nothing(tmp_path):
    """An outcome in which `request` is the name of something else is joined to its prompt all the same."""
    log = Log(tmp_path)
    log.add(prompt("a", 1))
    log.rotate()
    log.add(outcome("a", confidence={"request": 1}))
    [found] = scanned(tmp_path)
    assert (found["prompt"], found["end"]) == (["prompt of a"], "complete")
