"""STIX patterns (STIX 2.1, section 9) as far as they say whom to block: values of a few properties, any of which does.

Whatever of a pattern is more than that is told, never guessed at: of two things that must come together neither alone
is a reason to block.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from guard.blocklists.entry import shown
from guard.wire.naming import agent_pattern, network

MOST_CHARACTERS = 65_536
MOST_NESTED = 16

ADDRESSES = frozenset(("ipv4-addr:value", "ipv6-addr:value", "network-traffic:src_ref.value"))
AGENT = "network-traffic:extensions.http-request-ext.request_header.user-agent"
AGENT_PATH = "network-traffic:extensions.'http-request-ext'.request_header.'User-Agent'"

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<path>[a-z0-9-]+:(?:[A-Za-z0-9_]|[.-]|\[(?:\d{1,9}|\*)\]|'(?:[^'\\]|\\.)*')+)
      | (?P<text>'(?:[^'\\]|\\.)*')
      | (?P<word>[A-Za-z]+)
      | (?P<sign>[][(),]|!=|<=|>=|[=<>])
    )""",
    re.VERBOSE | re.DOTALL,
)


class UnsupportedError(Exception):
    """A pattern, or a part of one, says something else; the message says what."""


class Named(NamedTuple):
    """Whom a pattern names: of which kind of block, by which value."""

    kind: str
    value: str


class _Token(NamedTuple):
    kind: str
    text: str


def named(pattern: str) -> tuple[list[Named], list[str]]:
    """Whom any part of a pattern names, and what its other parts are.

    Raises:
        UnsupportedError: it can be no reason to block somebody.
    """
    if len(pattern) > MOST_CHARACTERS:
        raise UnsupportedError(f"the pattern has more than {MOST_CHARACTERS} characters")
    reading = _Reading(list(_tokens(pattern)))
    reading.any_of(reading.observation, 0)
    reading.end()
    return reading.named, reading.others


def _tokens(pattern: str) -> Iterator[_Token]:
    place, end = 0, len(pattern.rstrip())
    while place < end:
        match = _TOKEN.match(pattern, place)
        if match is None or match.lastgroup is None:
            raise UnsupportedError(f"the pattern cannot be read from {shown(pattern[place : place + 20])} on")
        yield _Token(match.lastgroup, match[match.lastgroup])
        place = match.end()


class _Reading:
    """A pattern on its way; `named` and `others` are what was found so far."""

    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens = tokens
        self._place = 0
        self.named: list[Named] = []
        self.others: list[str] = []

    def any_of(self, part: Callable[[int], None], nested: int) -> None:
        """Parts with OR between them."""
        part(nested)
        while self._next("OR"):
            self._place += 1
            part(nested)

    def observation(self, nested: int) -> None:
        """``[…]``, or several in parentheses."""
        if self._next("("):
            self._parenthesis(self.observation, nested)
        else:
            self._expect("[")
            self.any_of(self.comparison, nested)
            self._expect("]")
        self._reject("AND", "FOLLOWEDBY", "WITHIN", "REPEATS", "START")

    def comparison(self, nested: int) -> None:
        """A property and what it is, or several of that in parentheses."""
        if self._next("("):
            self._parenthesis(self.comparison, nested)
        else:
            path = self._take("path").text
            self._reject("NOT")
            sign = self._token().text
            self._place += 1
            texts = self._texts() if sign.upper() == "IN" else [_unquoted(self._take("text").text)]
            for text in texts:
                self._name(path, sign.upper(), text)
        self._reject("AND")

    def end(self) -> None:
        if self._place < len(self._tokens):
            raise UnsupportedError(f"the pattern goes on with {shown(self._token().text)}")

    def _parenthesis(self, part: Callable[[int], None], nested: int) -> None:
        if nested >= MOST_NESTED:
            raise UnsupportedError("the pattern is nested too deep")
        self._expect("(")
        self.any_of(part, nested + 1)
        self._expect(")")

    def _texts(self) -> list[str]:
        self._expect("(")
        texts = [_unquoted(self._take("text").text)]
        while self._next(","):
            self._place += 1
            texts.append(_unquoted(self._take("text").text))
        self._expect(")")
        return texts

    def _name(self, path: str, sign: str, text: str) -> None:
        plain = path.replace("'", "")
        try:
            if plain in ADDRESSES and sign in ("=", "IN", "ISSUBSET"):
                self.named.append(Named("ip", network(text)))
            elif plain.lower() == AGENT and sign in ("=", "IN", "LIKE"):
                self.named.append(Named("agent", _agent(text, like=sign == "LIKE")))
            else:
                self.others.append(f"the guard does not block by {path[:120]} {sign}")
        except ValueError as error:
            self.others.append(str(error))

    def _token(self) -> _Token:
        return self._tokens[self._place] if self._place < len(self._tokens) else _Token("end", "the end")

    def _next(self, text: str) -> bool:
        return self._token().kind != "text" and self._token().text.upper() == text

    def _take(self, kind: str) -> _Token:
        token = self._token()
        if token.kind != kind:
            wanted = "the name of a property" if kind == "path" else "a text in quotes"
            raise UnsupportedError(f"the pattern has {shown(token.text)} where {wanted} was expected")
        self._place += 1
        return token

    def _expect(self, sign: str) -> None:
        if not self._next(sign):
            raise UnsupportedError(f"the pattern has {shown(self._token().text)} where {sign} was expected")
        self._place += 1

    def _reject(self, *words: str) -> None:
        for word in words:
            if self._next(word):
                raise UnsupportedError(f"the pattern has {word}: none of its parts is a reason by itself")


def _agent(text: str, *, like: bool) -> str:
    if "*" in text or "?" in text:
        raise ValueError(f"{shown(text)} has a * or ?, which in a pattern of the guard's stand for others")
    return agent_pattern(text.replace("%", "*").replace("_", "?") if like else text)


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text[1:-1], flags=re.DOTALL)


def quoted(text: str) -> str:
    """A text as patterns have it."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
