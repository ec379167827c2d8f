"""Asking a control process, on this machine or another one, by its API."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, Any

import click

from guard.cli.errors import TroubleError

if TYPE_CHECKING:
    import httpx

PROBE_SECONDS = 0.5
ANSWER_SECONDS = 90.0
"""More than any order takes to be in force, or to be told that it is not."""

PAGE = 1_000
NOT_AUDITED = "urn:guard:problem:audit"

URL = "GUARD_ADMIN"
TOKEN = "GUARD_TOKEN"  # noqa: S105  the name of a variable
_CHOSEN = "guard.admin"


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
        version = order.pop("if_version", None)
        headers = {"idempotency-key": token_hex(16)}
        if version is not None:
            headers["if-match"] = f'"{version}"'
        query: dict[str, Any] = {name: "true" for name, is_so in (("dry_run", dry_run), ("brief", brief)) if is_so}
        if patience is not None:
            query["patience"] = patience
        seconds = ANSWER_SECONDS + (patience or 0.0)
        told: dict[str, Any] = self._ask("POST", "/v1/changes", query, headers, order, seconds)
        return told

    def get(self, path: str, **query: str | int) -> dict[str, Any]:
        """What is there.

        Raises:
            TroubleError: it is refused, or nobody answers.
        """
        told: dict[str, Any] = self._ask("GET", path, query, {}, None)
        return told

    def measures(self) -> Iterator[dict[str, Any]]:
        """Every measure in force."""
        cursor: str | None = ""
        while cursor is not None:
            more = {"cursor": cursor} if cursor else {}
            page = self.get("/v1/measures", limit=PAGE, **more)
            yield from page["items"]
            cursor = page["next"]

    def _ask(
        self, method: str, path: str, query: Any, headers: dict[str, str], body: Any, seconds: float = ANSWER_SECONDS
    ) -> Any:
        import httpx

        try:
            answer = self._http().request(method, path, params=query, headers=headers, json=body, timeout=seconds)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise UnreachableError(f"{self.url} does not answer: {str(error) or type(error).__name__}") from None
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


def _refusal(status: int, told: Any) -> str:
    """What a problem document says, in one line for each thing that is wrong."""
    if not isinstance(told, dict) or "title" not in told:
        return f"the admin API answers {status}"
    errors = told.get("errors") or []
    lines = [one["what"] + (f"; {one['expected']}" if one.get("expected") else "") for one in errors]
    return "\n".join(lines) or f"{told['title'].lower()}: {told.get('detail', status)}"
