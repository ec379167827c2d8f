"""What an exchange must look like for everybody who reads one to rely on it."""

from __future__ import annotations

from typing import Annotated, Any, TypedDict

import msgspec
from msgspec import Meta

Time = Annotated[float, Meta(ge=0, le=253_402_300_799)]
"""Seconds since the epoch, up to the year 9999."""

Count = Annotated[int, Meta(ge=-(2**62), le=2**62)]


class Client(TypedDict, total=False):
    """Who asked."""

    address: str | None
    key: str | None
    certificate: str | None
    account: str | None
    name: str | None
    session: str | None


class Body(TypedDict, total=False):
    """A request or a response."""

    method: str | None
    path: str | None
    status: Count | None
    body: str | None
    body_base64: str
    withheld: Count


class Attempt(TypedDict, total=False):
    """A try at a version."""

    version: str | None
    status: Count | None
    error: str | None
    ms: float | None


class Finding(TypedDict, total=False):
    """A rule that matched."""

    rule: str | None
    target: str | None
    mode: str | None
    action: str | None


class Messages(TypedDict):
    """How many messages came from whom."""

    client: Count
    model: Count


class Session(TypedDict):
    """How a WebSocket ended."""

    closed_by: str
    code: Count
    reason: str
    messages: Messages


# `from` is a word of Python's.
_Frame = TypedDict("_Frame", {"at": Time, "from": str, "passed": bool})


class Frame(_Frame, total=False):
    """A message of a WebSocket."""

    text: str | None
    base64: str
    withheld: Count


class Whole(TypedDict, total=False):
    """An exchange as `join` makes it."""

    id: str
    at: Time | None
    client: Client | None
    route: str | None
    model: str | None
    version: str | None
    policy: Count | None
    attempts: list[Attempt]
    request: Body | None
    response: Body
    prompt: list[str]
    output: list[str]
    usage: dict[str, Count] | None
    confidence: dict[str, Any] | None
    findings: list[Finding]
    timings: dict[str, float]
    end: str | None
    reason: str | None
    redacted: dict[str, Count]
    session: Session | None
    frames: list[Frame]


def check(exchange: dict[str, Any]) -> None:
    """Hold an exchange against its shape.

    Raises:
        ValueError: something in it is not what the guard writes.
    """
    try:
        msgspec.convert(exchange, Whole)
    except msgspec.ValidationError as error:
        raise ValueError(str(error)) from None
