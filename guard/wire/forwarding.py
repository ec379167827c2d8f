"""Who asked, as the proxies in front of the guard tell: ``X-Forwarded-For`` and ``Forwarded`` (RFC 7239)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from guard.exchange import Headers
from guard.refusal import Refusal
from guard.wire.address import Address, parse_address
from guard.wire.grammar import TCHAR, TOKEN
from guard.wire.networks import Networks

_PORT = r"(?::(?:[0-9]{1,5}|_[A-Za-z0-9._-]+))?"
NODE = re.compile(rf"\[([0-9A-Fa-f.]*:[0-9A-Fa-f:.]*)\]{_PORT}|([0-9.]+){_PORT}|([0-9A-Fa-f:.]+(?:%\S+)?)")

_QUOTED = r'"(?:[^"\\]|\\.)*"'
# A value with a colon or brackets should be quoted (RFC 7239, section 4), which not every proxy knows.
_PAIR = rf"{TOKEN}=(?:[:\[\]{TCHAR}]+|{_QUOTED})"
ELEMENT = re.compile(rf"[ \t]*{_PAIR}(?:[ \t]*;[ \t]*{_PAIR})*[ \t]*")
PAIR = re.compile(rf"({TOKEN})=([^\";]+|{_QUOTED})")
MOST_COMMAS = 16


def client_address(peer: str, headers: Headers, trusted: Networks) -> str:
    """Tell the client's address: the peer's, unless that is a trusted proxy; then the last that none of ours added.

    The headers are read from the right, as each proxy appends. A hop that is no address ends the walk at the proxy that
    reported it, so that nothing invented further left is believed.

    Raises:
        Refusal: both headers are there and tell of different clients. A proxy writes one of them and lets the other
            pass, and which one is not known here: either could be the client's own invention.
    """
    try:
        address = parse_address(peer)
    except ValueError:
        return peer
    if not trusted or trusted.find(address) is None:
        return str(address)
    told = {
        _walk(address, hops(b",".join(lines).decode("latin-1")), trusted)
        for field, hops in READERS
        if (lines := [value for name, value in headers if name == field])
    }
    if len(told) > 1:
        raise Refusal(400, "ambiguous_address", "Forwarded and X-Forwarded-For tell of two different clients")
    return str(told.pop() if told else address)


def _walk(address: Address, hops: Iterator[str], trusted: Networks) -> Address:
    for hop in hops:
        forwarded = _node(hop)
        if forwarded is None:
            break
        address = forwarded
        if trusted.find(address) is None:
            break
    return address


def _listed(text: str) -> Iterator[str]:
    """The hops of ``X-Forwarded-For``, last first."""
    return reversed(text.split(","))


def _elements(text: str) -> Iterator[str]:
    """Whom each element of ``Forwarded`` is for, last first, as far as they can be read.

    A comma may stand within a quoted string, and what a client wrote further left may leave a quote open. But from
    a comma within quotes on, the quotes of what follows do not pair up: the shortest legal end is the last element.
    """
    start = len(text)
    while start >= 0:
        end = start
        for _ in range(MOST_COMMAS):
            start = text.rfind(",", 0, start)
            if start < 0 or ELEMENT.fullmatch(text, start + 1, end):
                break
        if not ELEMENT.fullmatch(text, start + 1, end):
            return
        yield _whom(text[start + 1 : end])


def _whom(element: str) -> str:
    """The value of its one ``for``, without quotes; empty where it has none or several."""
    values = [value for name, value in PAIR.findall(element) if name.lower() == "for"]
    return re.sub(r"\\(.)", r"\1", values[0].strip(' \t"')) if len(values) == 1 else ""


def _node(text: str) -> Address | None:
    """The address of a hop, which may have a port; None for ``unknown``, ``_hidden`` and whatever else is none."""
    found = NODE.fullmatch(text.strip(" \t"))
    try:
        return parse_address(next(filter(None, found.groups()))) if found is not None else None
    except ValueError:
        return None


READERS: tuple[tuple[bytes, Callable[[str], Iterator[str]]], ...] = (
    (b"x-forwarded-for", _listed),
    (b"forwarded", _elements),
)
