"""What every call passes: whom it is meant for, who calls, whether they may, what they carry; and what is written down.

It denies by default. A call has to be one of the table, of somebody whose role may make it; only what the table says is
open needs no token.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from secrets import token_hex
from time import monotonic
from typing import Any

from starlette.types import Message, Receive, Scope, Send

from guard.admin.action import Action
from guard.admin.answer import Answer
from guard.admin.audit import Audit, AuditError
from guard.admin.call import Call, changed
from guard.admin.hosts import is_known, is_own
from guard.admin.idempotency import Answers, OtherCallError, UnderWayError
from guard.admin.operators import Principal, bearer, who_shows
from guard.admin.problem import MEDIA_TYPE, Fault, Problem
from guard.admin.rates import Rates
from guard.admin.reading import check_accepted, check_media_type, read_body, read_query
from guard.changes import VersionError
from guard.control.desk import Desk
from guard.control.errors import OrderError
from guard.custody.control import ControlError
from guard.store.errors import StoreError
from guard.wire.address import household

THREADS = 16
ORDERS = 64
"""Threads for what changes something, which may wait long until it is in force: nothing else is to wait for that."""

BODY_SECONDS = 20.0
AUDIT_SECONDS = 5.0
FAILURES_PER_SECOND, FAILURES_AT_ONCE = 0.2, 20
CALLS_PER_SECOND, CALLS_AT_ONCE = 20.0, 200

MARK_LENGTH = 32
_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_TOKEN = re.compile(rb"guard_[A-Za-z0-9_-]{16,}")

UNUSABLE = "the control log cannot be used; the guard's log tells why"

Stream = Callable[[Call, Scope, Receive, Send], Awaitable[None]]

logger = logging.getLogger("guard.admin")


class Gate:
    """What all calls share."""

    def __init__(self, desk: Desk, audit: Audit, hosts: frozenset[str], local: str) -> None:
        """`local` is the digest of this machine's own token."""
        self.desk = desk
        self.hosts = hosts
        self._audit = audit
        self._local = local
        self._answers = Answers()
        self._failures = Rates(FAILURES_PER_SECOND, FAILURES_AT_ONCE)
        self._calls = Rates(CALLS_PER_SECOND, CALLS_AT_ONCE)
        self._threads = ThreadPoolExecutor(THREADS, "admin")
        self._orders = ThreadPoolExecutor(ORDERS, "orders")

    async def pass_through(
        self, actions: Mapping[str, Action], stream: Stream, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Take a call of one path; `actions` are by method, none for a path that there is not."""
        headers = _headers(scope)
        method = scope["method"]
        action = actions.get("GET" if method == "HEAD" else method)
        if method == "HEAD" and action is not None and action.handler is None:
            action = None  # a stream has nothing to show but itself
        near = action or next(iter(actions.values()), None)
        seen: dict[str, Any] = {
            "kind": "call", "id": token_hex(8), "address": household((scope.get("client") or ("",))[0]),
            "method": method if action else "", "route": near.pattern if near else "",
        }  # fmt: skip
        try:
            self._check_place(scope, headers)
            who = None if action is not None and action.role is None else await self._identify(seen, headers)
            action = _known(action, actions)
            _check_role(who, action)
            call = await self._read(action, who, scope, receive, headers)
            if action.handler is None:
                await self._stream(stream, call, (scope, receive, send), seen)
                return
            answer = await self._do(action, call, scope, seen)
        except Problem as problem:
            answer = _refusal(problem)
        except Exception:
            logger.exception("a call met a fault in the guard")
            answer = _refusal(Problem(500, "fault", "a fault in the guard; its log tells more"))
        if "written" in seen:
            self._audit.note({"kind": "done", "id": seen["id"], "actor": seen["actor"], "route": seen["route"],
                              "status": answer.status, "changes": answer.ids})  # fmt: skip
        elif action is None or action.role is not None or answer.status >= 400:
            self._note(seen, answer.status)
        await _send(answer, send)

    async def still(self, call: Call) -> bool:
        """Whether who made a call earlier still may make it."""
        token = bearer(call.headers.get("authorization"))
        who = await self._in_thread(self._whose, token) if token is not None else None
        return who is not None and who.role == call.who.role

    def close(self) -> None:
        """Take no more."""
        for threads in (self._threads, self._orders):
            threads.shutdown(wait=False, cancel_futures=True)

    def _check_place(self, scope: Scope, headers: dict[str, str]) -> None:
        local = (scope.get("server") or (None,))[0]
        if not is_known(headers.get("host"), self.hosts, local):
            raise Problem(403, "host", "this is not a name of this listener; admin.hosts says which there are")
        if not is_own(headers.get("origin"), scope["scheme"], headers["host"]):
            raise Problem(403, "origin", "other sites' pages may not call here")

    async def _identify(self, seen: dict[str, Any], headers: dict[str, str]) -> Principal:
        token = bearer(headers.get("authorization"))
        who: Principal | None = None
        known = True
        if token is not None:
            try:
                who = await self._in_thread(self._whose, token)
            except (ControlError, OSError):  # the workers, which meet it too, tell of it
                known = False
        now = monotonic()
        if who is None:
            wait = self._failures.wait(seen["address"], now)
            if wait:
                raise Problem(429, "failures", "too many calls without a token that counts", headers=_after(wait))
            if not known:
                raise Problem(503, "control-log", UNUSABLE)
            raise Problem(
                401, "token", "a bearer token is needed, of an operator that there is",
                headers={"www-authenticate": 'Bearer realm="guard"'},
            )  # fmt: skip
        seen["actor"], seen["role"] = who.name, who.role
        if not who.local and (wait := self._calls.wait(who.name, now)):
            raise Problem(429, "calls", f"{who.name} calls too often", headers=_after(wait))
        return who

    def _whose(self, token: str) -> Principal | None:
        """Whose it is; this machine's own counts also where nobody can tell who the operators are."""
        try:
            with self.desk.state() as state:
                return who_shows(token, state.operators, self._local)
        except (ControlError, OSError):
            if own := who_shows(token, {}, self._local):
                return own
            raise

    async def _read(
        self, action: Action, who: Principal | None, scope: Scope, receive: Receive, headers: dict[str, str]
    ) -> Call:
        check_accepted(headers.get("accept"), action.media_type)
        body: Any = None
        if action.body is not None:
            check_media_type(headers, action.body)
            body = await _content(receive, headers, action.body_bytes)
            if action.body is not bytes:
                # A large body takes its time to be read, and nobody else is to wait for that.
                body = await self._in_thread(read_body, body, action.body)
        query = read_query(scope["query_string"], action.query)
        who = who or Principal("nobody", "viewer")
        given = _said(who, body if body is not None else query)
        path = {str(name): str(value) for name, value in scope.get("path_params", {}).items()}
        _check_parts(action, path)
        return Call(self.desk, given, path, query, body, headers)

    async def _stream(
        self, stream: Stream, call: Call, connection: tuple[Scope, Receive, Send], seen: dict[str, Any]
    ) -> None:
        """Let a stream take its course; once it has begun there is nobody any more to tell of trouble."""
        scope, receive, send = connection
        begun = False

        async def noted(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                self._note(seen, message["status"])
            await send(message)

        try:
            await stream(call, scope, receive, noted)
        except Exception:
            if not begun:
                raise
            logger.exception("a stream of changes met a fault in the guard")

    async def _do(self, action: Action, call: Call, scope: Scope, seen: dict[str, Any]) -> Answer:
        if not action.changes:
            return await self._handle(action, call)
        key = call.headers.get("idempotency-key")
        if key is None:
            return await self._changing(action, call, seen)
        if not action.repeatable or not _KEY.fullmatch(key):
            what = (
                "up to 255 printable characters" if action.repeatable else "no such key here: the answer is told once"
            )
            raise Problem(400, "unfit", "Idempotency-Key", [Fault("header.idempotency-key", "it is not taken", what)])
        return await self._once(action, call, scope, seen, key)

    async def _once(self, action: Action, call: Call, scope: Scope, seen: dict[str, Any], key: str) -> Answer:
        """Do it, or answer as before."""
        head = (action.method, scope["path"], scope["query_string"], call.headers.get("if-match"))
        what = await self._in_thread(_hash, head, call.body)
        try:
            before = self._answers.begin(call.who.name, key, what, monotonic())
        except OtherCallError:
            raise Problem(422, "idempotency", "the Idempotency-Key came with another call before") from None
        except UnderWayError:
            raise Problem(409, "idempotency", "the same call is under way", headers=_after(1)) from None
        if before is not None:
            return before.with_header("idempotency-replayed", "true")
        call = replace(call, mark=_hash((call.who.name, key), what).hex()[:MARK_LENGTH])
        answer = None
        try:
            answer = await self._changing(action, call, seen)
        except Problem as problem:
            answer = _refusal(problem) if problem.status < 500 else None
            raise
        finally:
            self._answers.end(call.who.name, key, answer)
        return answer

    async def _changing(self, action: Action, call: Call, seen: dict[str, Any]) -> Answer:
        """Do what changes something, once it is written down who wants it."""
        seen["actor"] = call.who.name
        try:
            written = self._audit.written(seen)
            await asyncio.wait_for(asyncio.wrap_future(written), AUDIT_SECONDS)
        except (AuditError, TimeoutError):
            detail = "the call cannot be written down, and so is not done; the guard's log tells why"
            raise Problem(503, "audit", detail, headers=_after(5)) from None
        seen["written"] = True
        return await self._handle(action, call)

    async def _handle(self, action: Action, call: Call) -> Answer:
        assert action.handler is not None
        try:
            threads = self._orders if action.changes else self._threads
            answer: Answer = await asyncio.get_running_loop().run_in_executor(threads, action.handler, call)
            return answer
        except OrderError as error:
            fault = Fault(error.where, error.what, error.expected)
            status, kind = (404, "missing") if error.missing else (422, "unfit")
            raise Problem(status, kind, str(error), [fault]) from None
        except VersionError as error:
            raise changed(error.version) from None
        except StoreError as error:
            raise Problem(503, "store", str(error), headers=_after(1)) from None
        except (ControlError, OSError, ValueError) as error:
            logger.error("an order cannot be placed: %s", error)
            raise Problem(503, "control-log", UNUSABLE) from None

    async def _in_thread(self, do: Callable[..., Any], *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._threads, do, *arguments)

    def _note(self, seen: dict[str, Any], status: int) -> None:
        self._audit.note({**seen, "status": status})


def _hash(head: tuple[object, ...], body: object) -> bytes:
    """What tells a call from another one, or its making from that of another."""
    content = body if isinstance(body, bytes) else repr(body).encode()
    return hashlib.sha256(repr(head).encode() + content).digest()


def _headers(scope: Scope) -> dict[str, str]:
    """By name; those that come several times in one line, as RFC 9110 (5.3) has it."""
    found: dict[str, str] = {}
    for name, value in scope["headers"]:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        found[key] = f"{found[key]}, {text}" if key in found else text
    return found


def _known(action: Action | None, actions: Mapping[str, Action]) -> Action:
    if not actions:
        raise Problem(404, "missing", "there is nothing here; /openapi.json tells what there is")
    if action is None:
        allowed = [*actions, "HEAD"] if "GET" in actions else list(actions)
        raise Problem(405, "method", "not that way", headers={"allow": ", ".join(sorted(allowed))})
    return action


def _check_role(who: Principal | None, action: Action) -> None:
    if action.role is not None and (who is None or not who.may(action.role)):
        raise Problem(403, "role", f"this is for the role {action.role}")


def _check_parts(action: Action, path: dict[str, str]) -> None:
    for name, choice in action.parts.items():
        if path[name] not in choice:
            raise Problem(404, "missing", f"there is no such {name}; there are {', '.join(choice)}")


def _said(who: Principal, given: Any) -> Principal:
    """Who holds this machine's own token says who they are; everybody else is who their token says."""
    actor = getattr(given, "actor", None)
    if actor is None or who.name == actor:
        return who
    if not who.local:
        raise Problem(403, "actor", "the token says who calls; leave `actor` out")
    return who._replace(name=actor)


async def _content(receive: Receive, headers: dict[str, str], most: int) -> bytes:
    too_large = Problem(413, "too-large", f"the body has more than {most} bytes")
    length = headers.get("content-length", "0")
    if length.isdecimal() and int(length) > most:
        raise too_large
    content = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            while True:
                message: Message = await receive()
                if message["type"] == "http.disconnect":
                    raise Problem(400, "incomplete", "the body has not come whole")
                content += message.get("body", b"")
                if len(content) > most:
                    raise too_large
                if not message.get("more_body", False):
                    return bytes(content)
    except TimeoutError:
        raise Problem(408, "slow", "the body takes too long", headers={"connection": "close"}) from None


def _after(seconds: int) -> dict[str, str]:
    return {"retry-after": str(seconds)}


def _refusal(problem: Problem) -> Answer:
    """A problem as an answer; a token that somebody put where none belongs is not repeated."""
    body = _TOKEN.sub(b"guard_...", problem.body())
    return Answer(problem.status, body, MEDIA_TYPE, tuple(problem.headers.items()))


async def _send(answer: Answer, send: Send) -> None:
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers]
    kept = b"no-cache" if any(name == "etag" for name, _ in answer.headers) else b"no-store"
    headers += [(b"cache-control", kept), (b"x-content-type-options", b"nosniff")]
    if answer.status != 304:
        headers += [(b"content-type", answer.media_type.encode()), (b"content-length", b"%d" % len(answer.body))]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})
