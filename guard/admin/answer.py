"""Answers, before they are sent."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

JSON = "application/json"


class Answer(NamedTuple):
    """A status, headers and a body. `ids`: of the records in the control log that the call made."""

    status: int
    body: bytes = b""
    media_type: str = JSON
    headers: tuple[tuple[str, str], ...] = ()
    ids: tuple[str, ...] = ()

    def with_header(self, name: str, value: str) -> Answer:
        """The same with a header more."""
        return self._replace(headers=(*self.headers, (name, value)))


def json(value: Any, status: int = 200, *, tag: str | None = None, **more: Any) -> Answer:
    """An answer in JSON, with the entity tag of what it shows."""
    headers = (("etag", tag),) if tag is not None else ()
    return Answer(status, msgspec.json.encode(value), headers=headers, **more)
