"""A call, after it was found to be one: what a handler is given."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from guard.admin.operators import Principal
from guard.admin.problem import Problem
from guard.admin.tags import matches, version_of
from guard.control.desk import Desk


@dataclass(frozen=True)
class Call:
    """Who calls, and what was given: the path's parts, the query and the body as the structs that they must be.

    `mark` is what this call is known by if it is made again; None: it is not.
    """

    desk: Desk
    who: Principal
    path: dict[str, str]
    query: Any
    body: Any
    headers: dict[str, str] = field(default_factory=dict)
    mark: str | None = None

    @property
    def if_version(self) -> int | None:
        """The version that ``If-Match`` wants the control log to have; None: any.

        Raises:
            Problem: 412: this machine's own log has come further.
        """
        header = self.headers.get("if-match")
        if header is None:
            return None
        version, records = version_of(header)
        if records is not None:
            with self.desk.state() as state:
                if records != state.version:
                    raise changed(self.desk.version(state))
        return version

    def check_match(self, current: str, version: int, shown: dict[str, Any] | None = None) -> None:
        """See that ``If-Match`` wants the state that there is.

        Raises:
            Problem: 412, with what there is.
        """
        header = self.headers.get("if-match")
        if header is not None and not matches(header, current):
            raise changed(version, current, shown)

    def is_known(self, current: str) -> bool:
        """Whether the caller has this state already, as ``If-None-Match`` says."""
        header = self.headers.get("if-none-match")
        return header is not None and matches(header, current, weak=True)


def changed(version: int, current: str | None = None, shown: dict[str, Any] | None = None) -> Problem:
    """Somebody else has changed it meanwhile."""
    headers = {"etag": current} if current is not None else {}
    detail = f"it was changed meanwhile; the control log is at version {version}"
    return Problem(412, "changed", detail, headers=headers, version=version, current=shown)
