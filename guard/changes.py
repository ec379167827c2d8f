"""What operators decide, as values: each kind of change that the control log holds, and what it must be.

In the log a change is an object whose ``type`` says which of these it is. Names are those of the configuration, texts
are what an operator typed; whether a name exists there is for whoever takes the order to see.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_args

import msgspec
from msgspec import Meta, Struct

Text = Annotated[str, Meta(min_length=1, max_length=4_096)]
Name = Annotated[str, Meta(min_length=1, max_length=256)]
Digest = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
Caller = Literal["ip", "account", "client", "key", "session", "agent"]
CALLERS: tuple[str, ...] = get_args(Caller)
Per = Literal["client", "account", "address", "route", "model", "global"]
Quantity = Literal["requests", "tokens", "cost", "concurrency"]
UNIT = r"/(s|min|h|d|month)"
AMOUNTS = {
    "requests": re.compile(r"[1-9][0-9]{0,11}" + UNIT),
    "tokens": re.compile(r"[1-9][0-9]{0,11}" + UNIT),
    "cost": re.compile(r"(?!0+(\.0+)?/)[0-9]{1,12}(\.[0-9]{1,6})?" + UNIT),
    "concurrency": re.compile(r"[1-9][0-9]{0,5}"),
}
"""What an amount of each quantity is."""

Role = Literal["viewer", "analyst", "operator", "commander"]


class ChangeError(Exception):
    """A change is not what it must be; the message says which member, what it is, and what was expected."""


class VersionError(Exception):
    """Somebody else has changed something meanwhile: `version` is not the one that the order was made for."""

    def __init__(self, version: int, expected: int) -> None:
        super().__init__(f"the control log has come to version {version}, and the order was made for {expected}")
        self.version = version
        self.expected = expected


class Change(Struct, frozen=True, kw_only=True, gc=False, tag_field="type"):
    """Base of every change."""


class Block(Change, frozen=True, gc=False, tag="block"):
    """A caller is not served: an address or network, an account, a client, a key (its fingerprint), a session, or
    whoever's user agent fits a pattern. `simulated`: it is only noted what would have been refused. `offence`: it
    counts when the same caller is blocked again; what comes from others' lists does not, for those are read many times.
    `earlier`: so many blocks that came before made this one longer. `wide`: it is meant, though the network is wider
    than anybody's.
    """

    kind: Caller
    value: Text
    simulated: bool = False
    offence: bool = True
    earlier: Annotated[int, Meta(ge=0)] = 0
    wide: bool = False


class Unblock(Change, frozen=True, gc=False, tag="unblock"):
    """A caller is served again."""

    kind: Caller
    value: Text


class Switch(Change, frozen=True, gc=False, tag="switch"):
    """A model is answered by this version first; None: by the configured one."""

    model: Name
    version: Name | None = None


class Isolate(Change, frozen=True, gc=False, tag="isolate"):
    """Nobody gets to a model any more; what is under way goes on to its end."""

    model: Name


class Offline(Change, frozen=True, gc=False, tag="offline"):
    """Nobody gets to a model (None: to any), and what is under way is cut."""

    model: Name | None = None


class Online(Change, frozen=True, gc=False, tag="online"):
    """Everybody gets to a model again (None: to all of them)."""

    model: Name | None = None


class AddRule(Change, frozen=True, gc=False, tag="add-rule"):
    """A text or a pattern is blocked besides what the rules say; `shadow`: it is only noted."""

    id: Name
    target: Literal["prompt", "output"] = "prompt"
    literal: Text | None = None
    regex: Text | None = None
    shadow: bool = False


class RemoveRule(Change, frozen=True, gc=False, tag="remove-rule"):
    """A rule that was added is taken back."""

    id: Name


class DisableRule(Change, frozen=True, gc=False, tag="disable-rule"):
    """A rule, wherever it comes from, is out of force."""

    id: Name


class EnableRule(Change, frozen=True, gc=False, tag="enable-rule"):
    """A rule that was disabled is in force again."""

    id: Name


class PushRules(Change, frozen=True, gc=False, tag="push-rules"):
    """The rules are those of this bundle, named by its content's SHA-256; None: those of the configured folder."""

    bundle: Digest | None = None


class SetLimit(Change, frozen=True, gc=False, tag="set-limit"):
    """How much of something may be used: `amount` is ``100/min`` (of requests, tokens or cost) or a number (at once).

    With a `subject` it is for that one, e.g. the account ``acme``; without, for each of its kind.
    """

    per: Per
    what: Quantity
    amount: Name
    subject: Name | None = None
    burst: Annotated[int, Meta(ge=1)] | None = None


class RemoveLimit(Change, frozen=True, gc=False, tag="remove-limit"):
    """A limit that was set is taken back; `what` None: all of that subject."""

    per: Per
    what: Quantity | None = None
    subject: Name | None = None


class AddOperator(Change, frozen=True, gc=False, tag="add-operator"):
    """Somebody may give orders, or look: `token` is the SHA-256 of what they show."""

    name: Name
    role: Role
    token: Digest


class RemoveOperator(Change, frozen=True, gc=False, tag="remove-operator"):
    """Somebody may do nothing any more."""

    name: Name


AnyChange = (
    Block
    | Unblock
    | Switch
    | Isolate
    | Offline
    | Online
    | AddRule
    | RemoveRule
    | DisableRule
    | EnableRule
    | PushRules
    | SetLimit
    | RemoveLimit
    | AddOperator
    | RemoveOperator
)


class _Holder(Struct):
    """Of a struct msgspec remembers how it is read; a union of fifteen it would look through each time."""

    change: AnyChange


def read_change(given: Any) -> AnyChange:
    """Read a change as it stands in the log, or in an order; members that are not known are passed over.

    Raises:
        ChangeError: it is none of these.
    """
    try:
        change = msgspec.convert({"change": given}, _Holder).change
    except msgspec.ValidationError as error:
        raise ChangeError(str(error).replace("$.change", "$")) from None
    if isinstance(change, AddRule) and (change.literal is None) == (change.regex is None):
        raise ChangeError("expected either `literal` or `regex`")
    return change


def shown(change: Mapping[str, Any]) -> dict[str, Any]:
    """A change, as it stands in the log, for whoever asks: of an operator's token not even the hash is told."""
    return {name: value for name, value in change.items() if name != "token"}


def written(change: AnyChange) -> dict[str, Any]:
    """A change as it stands in the log."""
    told: dict[str, Any] = msgspec.to_builtins(change)
    return told
