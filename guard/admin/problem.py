"""What is told when a call is refused: problem documents, by RFC 9457."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import msgspec

MEDIA_TYPE = "application/problem+json"


class Fault(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing that is wrong: where it stands, what it is, and what could stand there."""

    where: str
    what: str
    expected: str = ""


class Document(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A problem. `version` is that of the control log where it is about that; `current` what is there now."""

    type: str
    title: str
    status: int
    detail: str = ""
    errors: tuple[Fault, ...] = ()
    version: int | None = None
    current: dict[str, Any] | None = None


class Problem(Exception):
    """A call is refused. `kind` is a word for programs, the rest is for people."""

    def __init__(
        self,
        status: int,
        kind: str,
        detail: str = "",
        errors: Sequence[Fault] = (),
        *,
        headers: Mapping[str, str] | None = None,
        version: int | None = None,
        current: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.kind = kind
        self.headers = dict(headers or {})
        self._more: dict[str, Any] = {
            "detail": detail, "errors": tuple(errors), "version": version, "current": current,
        }  # fmt: skip

    def body(self) -> bytes:
        """The document."""
        title = HTTPStatus(self.status).phrase
        document = Document(type=f"urn:guard:problem:{self.kind}", title=title, status=self.status, **self._more)
        return msgspec.json.encode(document)


def unfit(where: str, what: str, expected: str = "", *, status: int = 422) -> Problem:
    """Something in the call is not what it must be."""
    return Problem(status, "unfit", f"{where}: {what}" if where else what, [Fault(where, what, expected)])
