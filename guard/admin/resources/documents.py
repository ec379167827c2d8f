"""What is told about this machine and this API in formats of others."""

from __future__ import annotations

from functools import cache

from guard.admin.answer import Answer
from guard.admin.call import Call

METRICS = "text/plain;version=1.0.0"


def openapi(call: Call) -> Answer:  # noqa: ARG001  what every handler is given
    """The OpenAPI document."""
    from guard.admin.table import OPENAPI

    return Answer(200, _document(), OPENAPI)


def metrics(call: Call) -> Answer:
    """What Prometheus asks for."""
    from guard.admin.metrics import exposition

    body, media_type = exposition(call.desk.config)
    return Answer(200, body, media_type)


@cache
def _document() -> bytes:
    import msgspec

    from guard.admin.openapi import document
    from guard.admin.table import ACTIONS

    return msgspec.json.encode(document(ACTIONS))
