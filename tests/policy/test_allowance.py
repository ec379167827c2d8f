import pytest

from guard.measures import AddedLimit
from guard.policy.allowance import allowance, with_allowance
from guard.policy.limits import added_limit


def limit(per, what, amount, burst=None):
    """One limit for each of its kind."""
    return added_limit(AddedLimit(per, None, what, amount, burst))


REQUESTS = limit("client", "requests", "120/min", 20)
TOKENS = limit("account", "tokens", "100000/min")


def test_nothing_to_tell():
    """Where neither requests nor tokens are limited there is no such line."""
    assert allowance(None, None) == b""


def test_requests():
    """The standard's fields and OpenAI's names, in whole units and seconds."""
    assert allowance((REQUESTS, 12.99, 4.2), None) == (
        b'ratelimit-policy: "client";q=120;w=60\r\n'
        b'ratelimit: "client";r=12;t=5\r\n'
        b"x-ratelimit-limit-requests: 120\r\n"
        b"x-ratelimit-remaining-requests: 12\r\n"
        b"x-ratelimit-reset-requests: 5s\r\n"
    )


def test_tokens():
    """Those of tokens have names of their own."""
    assert allowance(None, (TOKENS, 99_000.0, 0.6)) == (
        b'ratelimit-policy: "account-tokens";q=100000;w=60;qu="tokens"\r\n'
        b'ratelimit: "account-tokens";r=99000;t=1\r\n'
        b"x-ratelimit-limit-tokens: 100000\r\n"
        b"x-ratelimit-remaining-tokens: 99000\r\n"
        b"x-ratelimit-reset-tokens: 600ms\r\n"
    )


@pytest.mark.parametrize(
    ("requests", "tokens", "policy"),
    [(60.0, 40_000.0, b'"account-tokens"'), (40.0, 60_000.0, b'"client"'), (-1.0, 5.0, b'"client"')],
)
def test_the_tighter_of_both(requests, tokens, policy):
    """The standard's fields are for the one of which the smaller part is left; OpenAI's names for both."""
    lines = allowance((REQUESTS, requests, 9.0), (TOKENS, tokens, 9.0))
    assert b"ratelimit-policy: " + policy in lines
    assert lines.count(b"ratelimit-policy:") == lines.count(b"\nratelimit:") == 1
    assert b"x-ratelimit-remaining-requests: %d\r\n" % max(requests, 0) in lines
    assert b"x-ratelimit-remaining-tokens: %d\r\n" % tokens in lines


MODEL = (
    b"content-type: text/plain\r\nratelimit: 5\r\nratelimit-policy: 9\r\nx-ratelimit-limit-requests: 5\r\n"
    b"x-ratelimit-remaining-tokens: 7\r\nx-ratelimit-other: 1\r\nanthropic-ratelimit-requests-limit: 4\r\n"
    b"via: 1.1 guard\r\n"
)


def test_a_model_does_not_contradict():
    """Lines of the model's with the same names are dropped, and what the guard does not tell is passed on."""
    told = (REQUESTS, 3.0, 1.0)
    assert with_allowance(MODEL, told, None) == (
        b"content-type: text/plain\r\nx-ratelimit-remaining-tokens: 7\r\nx-ratelimit-other: 1\r\n"
        b"anthropic-ratelimit-requests-limit: 4\r\nvia: 1.1 guard\r\n" + allowance(told, None)
    )
    assert b"remaining-tokens: 7" not in with_allowance(MODEL, told, (TOKENS, 1.0, 1.0))
    assert with_allowance(MODEL, None, None) == MODEL
