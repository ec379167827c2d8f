import pytest

from guard import config
from guard.policy.held import Denied, Held, Reserved
from guard.policy.limits import Limits
from guard.policy.places import Place
from guard.policy.spare import Spare

REQUESTS, FEWER, TOKENS, PLACES = Limits(
    [
        config.Limit(per="client", requests="10/s", burst=5),
        config.Limit(per="global", requests="10/s", burst=3),
        config.Limit(per="client", tokens="100/s"),
        config.Limit(per="client", concurrency=2),
    ]
).all


def test_what_is_reserved_is_held_until_it_is_let_go():
    """A second time nothing is given back, also if the place has another cell by then."""
    spare = Spare()
    place = Place(PLACES, 7, spare)
    one, other = Reserved(place, 1.0), Reserved(place, 1.0)
    place.index = 8
    assert (spare.held(7), spare.held(8)) == (2.0, 0.0)
    one.let_go()
    one.let_go()
    assert spare.held(7) == 1.0
    other.let_go()
    assert spare.held(7) == 0.0


def test_the_tightest_limit_is_told():
    """Of several on requests that of which least is left, and that on tokens apart."""
    held = Held()
    for limit in (REQUESTS, FEWER, REQUESTS, TOKENS):
        held.see(limit, 0.1)
    assert [standing and (standing[0], round(standing[1], 6)) for standing in (held.requests, held.tokens)] == [
        (FEWER, 2.0),
        (TOKENS, 90.0),
    ]


@pytest.mark.parametrize(
    ("limit", "requests", "tokens"),
    [(REQUESTS, (REQUESTS, 0.0, 2.5), None), (TOKENS, None, (TOKENS, 0.0, 2.5)), (PLACES, None, None)],
)
def test_who_is_over_a_limit_is_told_of_that_one(limit, requests, tokens):
    """That nothing is left, and for how long; of concurrency only the refusal tells."""
    held = Held()
    held.deny(Denied(limit, 2.5))
    assert (held.requests, held.tokens) == (requests, tokens)
