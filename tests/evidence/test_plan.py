"""Which pieces of a journal are looked at."""

import pytest

from guard.evidence.filters import Filters
from guard.evidence.plan import ARRIVAL_SECONDS, CLOCK_SECONDS, courses, in_time, tasks, window
from tests.evidence.made import refused
from tests.support.journals import Log

HOUR = 3_600


@pytest.fixture
def journal(tmp_path):
    """A log with a segment for each of ten hours."""
    log = Log(tmp_path)
    for hour in range(10):
        log.add(refused(f"{hour}", hour * HOUR))
        log.rotate(at=(hour + 1) * HOUR)
    return tmp_path


@pytest.mark.parametrize(
    ("since", "until", "first", "last"),
    [
        (None, None, 0, 10),
        (5.5 * HOUR, None, 5, 10),
        (5 * HOUR + CLOCK_SECONDS, None, 4, 10),
        (5 * HOUR + CLOCK_SECONDS + 1, None, 5, 10),
        (None, 5.5 * HOUR, 0, 6),
        (None, 5 * HOUR - ARRIVAL_SECONDS, 0, 5),
        (3.5 * HOUR, 3.6 * HOUR, 3, 4),
        (100 * HOUR, None, 10, 10),
    ],
)
def test_segments_of_other_times_are_not_looked_at(journal, since, until, first, last):
    """Segments that were finished before the time, or begun long after it, are left out."""
    [course] = courses(journal, Filters(since=since, until=until), trust_ids=True)
    assert [source.number for source in course.sources] == list(range(first, last + 1))
    assert [source.number for source in course.later] == list(range(last + 1, 11))


def test_time_before_the_journal_has_nothing(journal):
    """Where everything is later there is nothing to look at."""
    [course] = courses(journal, Filters(until=-2 * HOUR), trust_ids=True)
    assert course.sources == []


def test_ids_tell_the_time():
    """A second around an id's time, if every id has one and they are trusted."""
    ids = ("00000fa00-ab-1", "000001f40-ab-2")
    assert window(Filters(id=ids), trust_ids=True) == (7.0, 65.0)
    assert window(Filters(id=ids, since=9.0), trust_ids=True) == (9.0, 65.0)
    assert window(Filters(id=ids), trust_ids=False) == (None, None)
    assert window(Filters(id=(*ids, "x")), trust_ids=True) == (None, None)


def test_pieces_come_in_the_order_of_time(tmp_path):
    """Those of several logs take turns by when their segments were begun; those of one log keep its order."""
    for name, times in (("w1", (1_000, 3_000, 2_500)), ("w2", (1_000, 2_000, 4_000))):
        log = Log(tmp_path, name)
        log.add()
        for at in times[1:]:
            log.rotate(at=at)
    planned = [(course, tasks(course, 10**9, print)) for course in courses(tmp_path, Filters(), trust_ids=True)]
    expected = ["w1/0", "w2/0", "w2/1", "w1/1", "w1/2", "w2/2"]
    assert [task.source.name for task in in_time(planned, newest_first=False)] == expected
    assert [task.source.name for task in in_time(planned, newest_first=True)] == expected[::-1]
