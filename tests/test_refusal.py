import pytest

from guard.refusal import Refusal


def test_a_refusal_says_what_the_client_is_told():
    """Status, code and message are the answer's; by default it has no headers of its own and keeps the connection."""
    refusal = Refusal(403, "client_blocked", "this client is blocked")
    assert (refusal.status, refusal.code, refusal.message) == (403, "client_blocked", "this client is blocked")
    assert (refusal.headers, refusal.close) == ((), False)
    assert str(refusal) == "this client is blocked"


def test_a_refusal_may_say_more():
    """It can bring headers, and say that the connection is not fit for another request."""
    refusal = Refusal(429, "rate_limit_exceeded", "later", headers=((b"retry-after", b"1"),), close=True)
    assert refusal.headers == ((b"retry-after", b"1"),)
    assert refusal.close


def test_a_refusal_is_raised():
    """It ends whatever was going on."""
    with pytest.raises(Refusal, match=r"^no$"):
        raise Refusal(400, "bad_request", "no")
