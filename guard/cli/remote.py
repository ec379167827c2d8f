"""Asking a control process, on this machine or another one, by its API."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, Any, TypeVar

import click

from guard.cli.errors import TroubleError

if TYPE_CHECKING:
    import httpx

PROBE_SECONDS = 0.5
ANSWER_SECONDS = 90.0
"""More than any order takes to be in force, or to be told that it is not."""

SEND_SECONDS = 600.0
"""More than a folder of rules takes to be compiled."""

PAGE = 1_000
NOT_AUDITED = "urn:guard:problem:audit"

URL = "GUARD_ADMIN"
TOKEN = "GUARD_TOKEN"  # noqa: S105  the name of a variable
_CHOSEN = "guard.admin"

Shape = TypeVar("Shape")


def _choose(context: click.Context, _: click.Parameter, url: str | None) -> None:
    context.meta[_CHOSEN] = url


admin_option = click.option(
    "--admin",
    metavar="URL",
    envvar=URL,
    expose_value=False,
    callback=_choose,
    help="Another machine's admin API; GUARD_TOKEN has the operator's token.  [env: GUARD_ADMIN]",
)


class NotTakenError(TroubleError):
    """Nothing was done, for it could not be written down that it was asked for."""


class UnreachableError(TroubleError):
    """Nobody answers there, or not as a control process does."""


class Remote:
    """A control process at a URL, and the token that it is asked with.

    `actor` says whether it believes who somebody says they are: so it does who holds this machine's own token.
    """

    def __init__(self, url: str, token: str, *, local: bool) -> None:
        self.url = url.rstrip("/")
        self.local = local
        self._token = token
        self._client: httpx.Client | None = None

    def alive(self) -> bool:
        """Whether it answers at once; one that hangs is as good as none."""
        import httpx

        try:
            return self._http().get("/healthz", timeout=PROBE_SECONDS).status_code == httpx.codes.OK
        except (httpx.HTTPError, httpx.InvalidURL):
            return False

    def place(
        self, order: dict[str, Any], *, dry_run: bool = False, brief: bool = False, patience: float | None = None
    ) -> dict[str, Any]:
        """Give an order; what became of it, and unless it is to be `brief` its records.

        Raises:
            TroubleError: it is refused, or nobody answers.
        """
        from guard.admin.shapes import Placed

        version = order.pop("if_version", None)
        headers = {"idempotency-key": token_hex(16)}
        if version is not None:
            headers["if-match"] = f'"{version}"'
        query: dict[str, Any] = {name: "true" for name, is_so in (("dry_run", dry_run), ("brief", brief)) if is_so}
        if patience is not None:
            query["patience"] = patience
        seconds = ANSWER_SECONDS + (patience or 0.0)
        told = self._ask("POST", "/v1/changes", query, seconds, headers=headers, json=order)
        self._read(told, Placed)
        return dict(told)

    def send(self, path: str, content: bytes, kind: type[Shape], *, dry_run: bool = False) -> Shape:
        """Bring bytes there, or (`dry_run`) only have them looked at; what is said of them.

        Raises:
            TroubleError: they are refused, or nobody answers.
        """
        query = {"dry_run": "true"} if dry_run else {}
        headers = {"content-type": "application/octet-stream"}
        return self._read(self._ask("POST", path, query, SEND_SECONDS, headers=headers, content=content), kind)

    def get(self, path: str, kind: type[Shape], /, **query: Any) -> Shape:
        """What is there, as it is to be.

        Raises:
            TroubleError: it is refused, or nobody answers.
        """
        return self._read(self._ask("GET", path, query), kind)

    def items(self, path: str, kind: type[Shape], /, **query: Any) -> Iterator[Shape]:
        """All of a list, page by page.

        Raises:
            TroubleError: it is refused, or nobody answers.
        """
        from guard.admin.shapes import Page

        cursor: str | None = ""
        while cursor is not None:
            more = {"cursor": cursor} if cursor else {}
            page: Page[Shape] = self.get(path, Page[kind], limit=PAGE, **more, **query)  # type: ignore[valid-type]
            yield from page.items
            cursor = page.next

    def rows(self, path: str, kind: type[Any], /, **query: Any) -> list[dict[str, Any]]:
        """The same as JSON has it.

        Raises:
            TroubleError: it is refused, or nobody answers.
        """
        from msgspec import to_builtins

        found: list[dict[str, Any]] = to_builtins(list(self.items(path, kind, **query)))
        return found

    def _read(self, told: Any, kind: type[Shape]) -> Shape:
        import msgspec

        try:
            return msgspec.convert(told, kind)
        except msgspec.ValidationError as error:
            raise UnreachableError(f"{self.url} does not answer as a guard of this version does: {error}") from None

    def _ask(self, method: str, path: str, query: Any, seconds: float = ANSWER_SECONDS, **content: Any) -> Any:
        import httpx

        try:
            answer = self._http().request(method, path, params=query, timeout=seconds, **content)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise UnreachableError(f"{self.url} does not answer: {str(error) or type(error).__name__}") from None
        except UnicodeEncodeError as error:  # a command line may have any bytes
            raise TroubleError(f"{error.object!r} is no UTF-8") from None
        try:
            told = answer.json()
        except ValueError:
            raise UnreachableError(f"{self.url} is no guard's admin API: it answers {answer.status_code}") from None
        if answer.is_success:
            return told
        if isinstance(told, dict) and told.get("type") == NOT_AUDITED:
            raise NotTakenError(_refusal(answer.status_code, told))
        raise TroubleError(_refusal(answer.status_code, told))

    def _http(self) -> httpx.Client:
        import httpx

        if self._client is None:
            headers = {"authorization": f"Bearer {self._token}"}
            self._client = httpx.Client(
                base_url=self.url, headers=headers, timeout=ANSWER_SECONDS, trust_env=not self.local
            )
            context = click.get_current_context(silent=True)
            if context is not None:
                context.call_on_close(self.close)
        return self._client

    def close(self) -> None:
        """End the connection, if there is one."""
        if self._client is not None:
            self._client.close()
            self._client = None


def may_be_elsewhere() -> bool:
    """Whether the command is one that can ask another machine."""
    context = click.get_current_context(silent=True)
    return context is not None and _CHOSEN in context.meta


def chosen() -> Remote | None:
    """The one that --admin or the environment names; None: neither does, or the command is about this machine only.

    Raises:
        TroubleError: there is no token for it.
    """
    context = click.get_current_context(silent=True)
    url = context.meta.get(_CHOSEN) if context is not None else None
    if not url:
        return None
    token = os.environ.get(TOKEN, "")
    if not token:
        raise TroubleError(f"{TOKEN} holds no token for {url}; a commander gives one with `guard operator add`")
    if not (token.isascii() and token.isprintable()):
        raise TroubleError(f"{TOKEN} holds no token, but characters that are in none; is it all that was copied?")
    return Remote(url, token, local=False)


def here(state: Path) -> Remote | None:
    """The one of this machine; None: none answers, or this user may not read its token."""
    from guard.custody.local import present

    found = present(state)
    if found is None:
        return None
    remote = Remote(found.url, found.token, local=True)
    return remote if remote.alive() else None


def _member(error: Any) -> str:
    """Which member of the call it is about; what is wrong with an order itself is told in words that name it."""
    of, _, member = str(error.get("where", "")).partition(".")
    return f"{member}: " if of == "body" and member else ""


def _refusal(status: int, told: Any) -> str:
    """What a problem document says, in one line for each thing that is wrong."""
    if not isinstance(told, dict) or "title" not in told:
        return f"the admin API answers {status}"
    errors = told.get("errors") or []
    lines = [_member(one) + one["what"] + (f"; {one['expected']}" if one.get("expected") else "") for one in errors]
    return "\n".join(lines) or f"{told['title'].lower()}: {told.get('detail', status)}"
