"""Which exchanges are wanted."""

from __future__ import annotations

import re
from collections.abc import Callable
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any, NamedTuple

from guard.evidence.record import raw_time
from guard.evidence.texts import (
    EXPRESSION_SECONDS,
    Probe,
    SlowExpressionError,
    bounded,
    expression,
    literal,
    probe,
    texts,
    value_probe,
)

OPEN = "open"
"""How the end of an exchange is called that has none yet."""

ENDS = ("complete", "refused", "client_disconnected", "truncated", "upstream_error", OPEN)

_STATUS = re.compile(r"([1-9][0-9]{2})(?:-([1-9][0-9]{2}))?|([1-9])xx")

Test = Callable[[dict[str, Any]], bool]


class FilterError(ValueError):
    """A filter means nothing; the message says which and what was expected."""


class Filters(NamedTuple):
    """What must be true of an exchange; of several values for one thing, any. Nothing given: all of them are wanted.

    `since` and `until` are seconds since the epoch, and both wanted; they are about when the exchange began.
    """

    text: str | None = None
    regex: bool = False
    ignore_case: bool = False
    client: tuple[str, ...] = ()
    account: tuple[str, ...] = ()
    address: tuple[str, ...] = ()
    session: tuple[str, ...] = ()
    route: tuple[str, ...] = ()
    model: tuple[str, ...] = ()
    version: tuple[str, ...] = ()
    rule: tuple[str, ...] = ()
    status: tuple[str, ...] = ()
    end: tuple[str, ...] = ()
    reason: tuple[str, ...] = ()
    id: tuple[str, ...] = ()
    log: tuple[str, ...] = ()
    since: float | None = None
    until: float | None = None

    def told(self) -> dict[str, Any]:
        """Those that are given, by name."""
        return {name: value for name, value in self._asdict().items() if value not in (None, (), False)}


class Matcher:
    """Filters, ready to be asked. `probe` is what raw lines can be asked before they are parsed, if there is such."""

    def __init__(self, filters: Filters) -> None:
        """Make ready.

        Raises:
            FilterError: one of them means nothing.
        """
        self.probe = _probe(filters)
        self._timed = filters.since is not None or filters.until is not None
        self._in_time = _in_time(filters.since, filters.until)
        self._tests = list(_tests(filters))

    def too_early_or_late(self, line: bytes) -> bool:
        """Whether the raw line that says what was asked shows already that it was not in the wanted time."""
        at = raw_time(line) if self._timed else None
        return at is not None and not self._in_time(at)

    def __call__(self, exchange: dict[str, Any]) -> bool:
        """Whether the exchange is wanted.

        Raises:
            FilterError: the regular expression takes too long to tell.
        """
        return all(test(exchange) for test in self._tests)


def _in_time(since: float | None, until: float | None) -> Callable[[float], bool]:
    first, last = since if since is not None else float("-inf"), until if until is not None else float("inf")
    return lambda at: first <= at <= last


def _tests(filters: Filters) -> list[Test]:
    """The cheap ones first."""
    tests: list[Test] = []
    if filters.since is not None and filters.until is not None and filters.since > filters.until:
        raise FilterError("there is no time between --since and --until: --since is the later one")
    if filters.since is not None or filters.until is not None:
        in_time = _in_time(filters.since, filters.until)
        tests.append(lambda exchange: exchange["at"] is not None and in_time(exchange["at"]))
    names = ("id", "route", "model", "version", "reason")
    tests += [_value(name, frozenset(wanted)) for name in names if (wanted := getattr(filters, name))]
    if filters.end:
        if other := next((end for end in filters.end if end not in ENDS), None):
            raise FilterError(f"{other!r} is no end; expected one of {', '.join(ENDS)}")
        ends = frozenset(None if end == OPEN else end for end in filters.end)
        tests.append(lambda exchange: exchange["end"] in ends)
    if filters.client:
        tests.append(_client(("name", "key", "certificate"), frozenset(filters.client)))
    if filters.account:
        tests.append(_client(("account",), frozenset(filters.account)))
    if filters.session:
        tests.append(_client(("session",), frozenset(filters.session)))
    if filters.address:
        tests.append(_address(filters.address))
    if filters.status:
        tests.append(_status(filters.status))
    if filters.rule:
        rules = frozenset(filters.rule)
        tests.append(lambda exchange: any(finding.get("rule") in rules for finding in exchange["findings"]))
    if filters.text is not None:
        tests.append(_text(filters))
    return tests


def _value(name: str, wanted: frozenset[str]) -> Test:
    return lambda exchange: exchange[name] in wanted


def _client(names: tuple[str, ...], wanted: frozenset[str]) -> Test:
    return lambda exchange: any((exchange["client"] or {}).get(name) in wanted for name in names)


def _address(wanted: tuple[str, ...]) -> Test:
    networks = [_network(one) for one in wanted]

    def test(exchange: dict[str, Any]) -> bool:
        try:
            address = ip_address((exchange["client"] or {}).get("address") or "")
        except ValueError:
            return False
        return any(address in network for network in networks)

    return test


def _network(text: str) -> IPv4Network | IPv6Network:
    try:
        return ip_network(text, strict=False)
    except ValueError:
        raise FilterError(f"{text!r} is no address; expected one such as 203.0.113.9 or 203.0.113.0/24") from None


def _status(wanted: tuple[str, ...]) -> Test:
    ranges = [_range(one) for one in wanted]
    return lambda exchange: any(low <= (exchange["response"].get("status") or 0) <= high for low, high in ranges)


def _range(text: str) -> tuple[int, int]:
    found = _STATUS.fullmatch(text)
    if found is None:
        raise FilterError(f"{text!r} is no status; expected one such as 503, 5xx or 400-499")
    low, high, hundred = found.groups()
    return (int(hundred) * 100, int(hundred) * 100 + 99) if hundred else (int(low), int(high or low))


def _text(filters: Filters) -> Test:
    assert filters.text is not None
    if not filters.regex:
        found = literal(filters.text, ignore_case=filters.ignore_case)
        return lambda exchange: any(map(found, texts(exchange)))
    try:
        searched = expression(filters.text, ignore_case=filters.ignore_case)
    except (re.error, OverflowError, RecursionError) as error:
        raise FilterError(f"this is no regular expression: {error}") from None

    def test(exchange: dict[str, Any]) -> bool:
        try:
            with bounded(EXPRESSION_SECONDS):
                return any(map(searched, texts(exchange)))
        except SlowExpressionError:
            raise FilterError(
                f"the regular expression takes more than {EXPRESSION_SECONDS:g} seconds over {exchange['id']}; "
                "find one without nested repetition"
            ) from None

    return test


def _probe(filters: Filters) -> Probe | None:
    """The one question to raw lines that most likely rules out the most."""
    if len(filters.id) == 1:
        return value_probe(filters.id[0])
    if filters.text and not filters.regex and (found := probe(filters.text, ignore_case=filters.ignore_case)):
        return found
    for name in ("client", "account", "session", "rule", "reason", "version", "model", "route"):
        values = getattr(filters, name)
        if len(values) == 1:
            return value_probe(values[0])
    if filters.address and len(filters.address) == 1 and "/" not in filters.address[0]:
        return value_probe(str(_network(filters.address[0]).network_address))
    return None
