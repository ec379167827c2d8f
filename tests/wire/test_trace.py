"""The trace that a request is part of."""

import pytest

from guard.wire.trace import Parent, Trace, parent_of, without_parent

TRACE = "0af7651916cd43dd8448eb211c80319c"
SPAN = "b7ad6b7169203331"
PARENT = Parent(int(TRACE, 16), int(SPAN, 16), True)


def fields(*values):
    """A request with these parents, and a state."""
    return [(b"host", b"g"), *((b"traceparent", value.encode()) for value in values), (b"tracestate", b"a=1,b=2")]


@pytest.mark.parametrize(
    ("value", "parent"),
    [
        (f"00-{TRACE}-{SPAN}-01", PARENT),
        (f"00-{TRACE}-{SPAN}-00", PARENT._replace(sampled=False)),
        (f"00-{TRACE}-{SPAN}-03", PARENT),
        (f"00-{TRACE}-{SPAN}-fe", PARENT._replace(sampled=False)),
        (f"cc-{TRACE}-{SPAN}-01", PARENT),
        (f"cc-{TRACE}-{SPAN}-01-what-will-be", PARENT),
        (f"cc-{TRACE}-{SPAN}-01.what-will-be", None),
        (f"ff-{TRACE}-{SPAN}-01", None),
        (f"00-{TRACE}-{SPAN}-01-more", None),
        (f"00-{TRACE}-{SPAN}-01-", None),
        (f"00-{TRACE.upper()}-{SPAN}-01", None),
        (f"00-{TRACE}-{SPAN.upper()}-01", None),
        (f"00-{'0' * 32}-{SPAN}-01", None),
        (f"00-{TRACE}-{'0' * 16}-01", None),
        (f"00-{TRACE[1:]}-{SPAN}-01", None),
        (f"00-{TRACE}-{SPAN}-1", None),
        (f"00-{TRACE}-{SPAN}", None),
        (f" 00-{TRACE}-{SPAN}-01", None),
        (f"00-{TRACE}-{SPAN}-01\n", None),
        ("", None),
    ],
)
def test_a_parent_is_read_strictly(value, parent):
    """As W3C Trace Context has it, later versions included; where it is none, the state behind it is dropped too."""
    headers = fields(value)
    assert parent_of(headers) == parent
    kept = [name for name, _ in without_parent(headers)]
    assert kept == ([b"host", b"tracestate"] if parent else [b"host"])


def test_several_parents_are_none():
    """Nobody knows which one is meant."""
    assert parent_of(fields(f"00-{TRACE}-{SPAN}-01", f"00-{TRACE}-{SPAN}-01")) is None
    assert parent_of(fields()) is None


def test_the_line_is_a_parent():
    """What a model is told can be read again."""
    trace = Trace(PARENT.trace, 0xFF, PARENT.span, True)
    assert trace.line == f"traceparent: 00-{TRACE}-00000000000000ff-01\r\n".encode()
    name, _, value = trace.line.decode().strip().partition(": ")
    assert parent_of([(name.encode(), value.encode())]) == Parent(PARENT.trace, 0xFF, True)
