import pytest

from guard import config
from guard.policy.limits import Limits
from guard.policy.owed import DOUBT_SECONDS, Owed
from guard.policy.places import Place
from guard.policy.spare import Spare

[LIMIT] = Limits([config.Limit(per="client", requests="1/s", burst=5)]).all


@pytest.mark.parametrize(("counted_since", "tat"), [(0.0, 13.0), (11.0, 14.0), (20.0, 23.0)])
def test_what_was_owed_is_counted_after_what_others_counted(counted_since, tat):
    """Until then it is held, and others know that it may be used already; time without use gives nothing back twice."""
    spare = Spare()
    place = Place(LIMIT, 7, spare)
    owed = Owed(place)
    owed.add(2.0, 10.0)
    owed.add(1.0, 10.0)
    assert (spare.held(7), spare.doubt[7], spare.tat[7]) == (3.0, 10.0 + DOUBT_SECONDS, 0.0)
    spare.tat[7] = counted_since
    owed.count()
    assert (spare.held(7), spare.tat[7]) == (0.0, tat)


def test_less_was_used_than_was_told():
    """That is counted back, and nothing is held for it."""
    spare = Spare()
    owed = Owed(Place(LIMIT, 7, spare))
    owed.add(-2.0, 10.0)
    assert spare.held(7) == 0.0
    spare.tat[7] = 15.0
    owed.count()
    assert spare.tat[7] == 13.0
