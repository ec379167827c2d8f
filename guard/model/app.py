"""The bundled model as a Starlette application, and the ways it can be told to misbehave."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import msgspec
import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from guard.model import chat, classic, messages, responses
from guard.model.answers import Answer, Document, Event, MisuseError

Endpoint = Callable[[str, Document], Answer]

ENDPOINTS: dict[str, Endpoint] = {
    "/v1/chat/completions": chat.answer,
    "/v1/completions": classic.completions,
    "/v1/responses": responses.answer,
    "/v1/embeddings": classic.embeddings,
    "/v1/moderations": classic.moderations,
    "/v1/messages": messages.answer,
}


class Mood(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """How the model misbehaves; what is left at its default it does not do.

    `fail`: every answer is this error status. `hang`: no answer ever comes. `delay`: seconds before each answer.
    """

    fail: int | None = None
    hang: bool = False
    delay: float = 0.0


class Model:
    """One version of the bundled model: its name, its mood, and after how many answers it dies (None: never)."""

    def __init__(self, name: str, mood: Mood, die_after: int | None = None) -> None:
        self.name = name
        self.mood = mood
        self.left = die_after

    def app(self) -> Starlette:
        """The application to serve."""
        routes = [Route(path, self._endpoint(answer), methods=["POST"]) for path, answer in ENDPOINTS.items()]
        routes += [Route("/v1/models", self._models), Route("/control", self._control, methods=["POST"])]
        return Starlette(routes=routes, exception_handlers={404: _not_found})

    def _endpoint(self, answer: Endpoint) -> Callable[[Request], Any]:
        async def handle(request: Request) -> Response:
            self._count_down()
            body = await request.body()
            failure = await self._misbehave(request)
            if failure is not None:
                return failure
            try:
                document = orjson.loads(body)
                if not isinstance(document, dict):
                    raise MisuseError("expected a JSON object")
                given = answer(self.name, document)
            except (orjson.JSONDecodeError, MisuseError) as error:
                return _error(request, 400, str(error))
            except (AttributeError, KeyError, TypeError, ValueError) as error:
                return _error(request, 400, f"a field is missing or of the wrong type ({error})")
            if isinstance(given, dict):
                return Response(orjson.dumps(given), media_type="application/json")
            return StreamingResponse(_events(given), media_type="text/event-stream")

        return handle

    async def _models(self, request: Request) -> Response:
        failure = await self._misbehave(request)
        return failure or JSONResponse(classic.models(self.name))

    async def _control(self, request: Request) -> Response:
        try:
            self.mood = msgspec.json.decode(await request.body(), type=Mood)
        except msgspec.MsgspecError as error:
            return _error(request, 400, str(error))
        return JSONResponse(msgspec.to_builtins(self.mood))

    async def _misbehave(self, request: Request) -> Response | None:
        """Do what the mood, or the request's own headers, ask for; an error to answer with, or None to go on."""
        fail = request.headers.get("x-model-fail") or self.mood.fail
        delay = request.headers.get("x-model-delay") or self.mood.delay
        if self.mood.hang or "x-model-hang" in request.headers:
            while not await request.is_disconnected():
                await asyncio.sleep(0.05)
        await asyncio.sleep(float(delay))
        return _error(request, int(fail), "told to fail") if fail else None

    def _count_down(self) -> None:
        """Die without a word when the answers are used up, as a crashed process does."""
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        if self.left is not None:
            self.left -= 1


async def _events(events: Iterator[Event]) -> AsyncIterator[bytes]:
    for name, data in events:
        content = data.encode() if isinstance(data, str) else orjson.dumps(data)
        yield (b"event: " + name.encode() + b"\n" if name else b"") + b"data: " + content + b"\n\n"
        await asyncio.sleep(0)


async def _not_found(request: Request, _: Exception) -> Response:
    return _error(request, 404, f"there is nothing at {request.url.path}")


def _error(request: Request, status: int, message: str) -> Response:
    """An error in the shape of the API that was called."""
    kind = {400: "invalid_request_error", 404: "not_found_error", 429: "rate_limit_error"}.get(status, "api_error")
    if request.url.path.startswith("/v1/messages"):
        return JSONResponse({"type": "error", "error": {"type": kind, "message": message}}, status)
    return JSONResponse({"error": {"message": message, "type": kind, "param": None, "code": None}}, status)
