"""The OpenAPI document, made from the table of calls and the structs they carry, so that it says what is."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, get_args

import msgspec

import guard
from guard.admin.action import Action
from guard.admin.answer import JSON
from guard.admin.problem import MEDIA_TYPE, Document
from guard.admin.reading import BYTES
from guard.changes import AnyChange

_REFERENCE = "#/components/schemas/{name}"
_PROBLEMS = {
    400: "It cannot be read, or a parameter is not what it must be.",
    401: "There is no token, or one that does not count.",
    403: "The role may not do that, or Host or Origin is not this listener's.",
    404: "There is no such thing.",
    405: "Not that way.",
    406: "There is no such representation.",
    408: "The body takes too long.",
    409: "The same call is under way.",
    412: "It was changed meanwhile; `version` says to what, `current` what it is now.",
    413: "The body is too large.",
    415: "The body is not plain JSON.",
    422: "It makes no sense; `errors` says what and where.",
    429: "Too many calls; `Retry-After` says when to come again.",
    503: "It cannot be done now, e.g. because it cannot be written down.",
}


def document(actions: Iterable[Action]) -> dict[str, Any]:
    """The document of these calls."""
    found = tuple(actions)
    types = [kind for action in found for kind in (action.shown or action.body, action.answer) if kind is not None]
    shapes, components = msgspec.json.schema_components([*types, Document], ref_template=_REFERENCE)
    schemas = dict(zip([*map(_identity, types), _identity(Document)], shapes, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for action in found:
        paths.setdefault(action.pattern, {})[action.method.lower()] = _operation(action, schemas)
    told: dict[str, Any] = _portable(
        {
            "openapi": "3.1.0",
            "info": {
                "title": "guard admin API",
                "version": guard.__version__,
                "description": "Blocks, limits, rules and models of a guard, changed and watched.",
            },
            "servers": [{"url": "/"}],
            "security": [{"token": []}],
            "paths": paths,
            "components": {
                "schemas": _closed(components),
                "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            },
        }
    )
    return told


def _identity(kind: Any) -> str:
    return repr(kind)


def _operation(action: Action, schemas: dict[str, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": f"{action.method.lower()}{re.sub(r'[^a-z]+', '_', action.pattern)}".rstrip("_"),
        "summary": action.summary,
        "parameters": list(_parameters(action)),
        "responses": _responses(action, schemas),
    }
    if action.role is None:
        operation["security"] = []
    else:
        operation["description"] = f"For the role {action.role}, and those that may more."
    if action.body is not None:
        content = {JSON: {"schema": schemas[_identity(action.shown or action.body)]}}
        if action.body is bytes:
            content = {BYTES: {"schema": {"type": "string", "format": "binary"}}}
        operation["requestBody"] = {"required": True, "content": content}
    return operation


def _parameters(action: Action) -> Iterator[dict[str, Any]]:
    for name in action.names:
        schema: dict[str, Any] = {"type": "string", "minLength": 1}
        if choice := action.parts.get(name):
            schema = {"type": "string", "enum": list(choice)}
        yield {"name": name, "in": "path", "required": True, "schema": schema}
    (shape,), components = msgspec.json.schema_components([action.query], ref_template=_REFERENCE)
    query = components[shape["$ref"].rpartition("/")[2]]
    for name, schema in query["properties"].items():
        yield {"name": name, "in": "query", "required": name in query.get("required", ()), "schema": _given(schema)}
    if action.tagged:
        yield _header("If-None-Match", "An entity tag; 304 if it still is that.")
    if action.conditional:
        yield _header("If-Match", "An entity tag; 412 if it is that no more.")
    if action.changes and action.repeatable:
        schema = {"type": "string", "pattern": "^[!-~]{1,255}$"}
        yield {**_header("Idempotency-Key", "The same call again is answered as before."), "schema": schema}
    if action.media_type == "text/event-stream":
        schema = {"type": "string", "pattern": "^[0-9]{1,18}$"}
        yield {**_header("Last-Event-ID", "The version after which the stream begins."), "schema": schema}


def _given(schema: dict[str, Any]) -> dict[str, Any]:
    """In a query nothing is null: it is left out."""
    choices = [one for one in schema.get("anyOf", ()) if one != {"type": "null"}]
    schema = {name: value for name, value in schema.items() if name not in ("anyOf", "default")}
    return {**schema, **choices[0]} if choices else schema


def _header(name: str, about: str) -> dict[str, Any]:
    return {"name": name, "in": "header", "required": False, "description": about, "schema": {"type": "string"}}


def _responses(action: Action, schemas: dict[str, Any]) -> dict[str, Any]:
    content: dict[str, Any] = {"schema": schemas[_identity(action.answer)] if action.answer is not None else {}}
    done: dict[str, Any] = {"description": action.summary, "content": {action.media_type: content}}
    if action.tagged or action.conditional:
        done["headers"] = {"ETag": {"schema": {"type": "string"}, "required": False}}
    responses: dict[str, Any] = {str(action.status): done}
    if action.conditional:
        responses.setdefault("200", {**done, "description": "What it would change."})
    if action.tagged:
        responses["304"] = {"description": "It still is that."}
    problem = {MEDIA_TYPE: {"schema": schemas[_identity(Document)]}}
    for status in _statuses(action):
        responses[str(status)] = {"description": _PROBLEMS[status], "content": problem}
    return responses


def _statuses(action: Action) -> Iterator[int]:
    for status in _PROBLEMS:
        of_body = status in (408, 413, 415) and action.body is None
        of_change = status in (409, 412) and not action.changes
        open_ = status in (401, 429) and action.role is None
        if not (of_body or of_change or open_):
            yield status


def _closed(components: dict[str, Any]) -> dict[str, Any]:
    """In an order a change has no members but its own; the log is more lenient."""
    names = {kind.__name__ for kind in get_args(AnyChange)}
    return {
        name: {**schema, "additionalProperties": False} if name in names else schema
        for name, schema in components.items()
    }


def _portable(value: Any) -> Any:
    r"""Python's ``\Z`` is JavaScript's ``$``; what a member is when it is left out may be said, but not beside null."""
    if isinstance(value, dict):
        return {name: _pattern(item) if name == "pattern" else _portable(item) for name, item in value.items()}
    return [_portable(item) for item in value] if isinstance(value, list) else value


def _pattern(text: Any) -> Any:
    return text.replace(r"\Z", "$") if isinstance(text, str) else _portable(text)
