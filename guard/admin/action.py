"""A row of the table of all calls: what is called, who may, what it takes and what it gives."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

from guard.admin.answer import JSON, Answer
from guard.admin.call import Call
from guard.admin.shapes import Nothing
from guard.changes import Role

Method = Literal["GET", "POST", "DELETE"]
Handler = Callable[[Call], Answer]

_PART = re.compile(r"\{([a-z]+)(?::path)?\}")


class Action(NamedTuple):
    """One call.

    Attributes:
        role: who may, and whoever may more; None: anybody, without a token.
        handler: what does it, in a thread; None for streams.
        query, body: the structs of what is given; a body may be plain ``bytes``.
        answer: the type of what comes back.
        status: when it is done.
        changes: whether it changes something, and so is written down before it is done.
        shown: the body's type in the OpenAPI document, if it tells more.
        repeatable: whether an ``Idempotency-Key`` is heeded.
        parts: what the parts of the path may be, by name.
    """

    method: Method
    path: str
    role: Role | None
    handler: Handler | None
    summary: str
    query: type = Nothing
    body: type | None = None
    answer: Any = None
    status: int = 200
    changes: bool = False
    shown: Any = None
    repeatable: bool = True
    media_type: str = JSON
    body_bytes: int = 65_536
    tagged: bool = False
    conditional: bool = False
    parts: dict[str, tuple[str, ...]] = {}  # noqa: RUF012  never changed

    @property
    def pattern(self) -> str:
        """The path as the OpenAPI document and the audit log have it."""
        return _PART.sub(r"{\1}", self.path)

    @property
    def names(self) -> tuple[str, ...]:
        """The parts of the path that are given."""
        return tuple(_PART.findall(self.path))
