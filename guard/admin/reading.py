"""What a call carries, read strictly: a query or a body that could be taken in two ways is refused."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from guard.admin.answer import JSON
from guard.admin.problem import Fault, Problem
from guard.wire.body import BadBody, parse

BYTES = "application/octet-stream"
QUERY_BYTES = 8_192
QUERY_MEMBERS = 200

_QUOTED = re.compile(r"((?:unknown field|enum value|invalid value)) .*", re.DOTALL)
_STEP = re.compile(r"\.(\w+)")
_BYTES = re.compile(r"application/octet-stream\s*", re.IGNORECASE)
_JSON = re.compile(r"application/json(?:\s*;\s*charset=\"?utf-8\"?)?\s*", re.IGNORECASE)


def read_query(text: bytes, kind: type) -> Any:
    """A query as its struct; members that may stand several times are tuples there.

    Raises:
        Problem: 400.
    """
    several = {field.name for field in msgspec.structs.fields(kind) if field.default == ()}
    found: dict[str, Any] = {}
    for name, value in _pairs(text):
        if name in several:
            found.setdefault(name, []).append(value)
        elif name in found:
            raise _unfit("query", "a member stands there twice", "each once")
        else:
            found[name] = value
    try:
        given: Any = msgspec.convert(found, kind, strict=False)
    except msgspec.ValidationError as error:
        raise _wrong("query", error, kind, 400) from None
    if nothing := next((name for name in found if getattr(given, name) is None), None):
        raise _unfit(f"query.{nothing}", "it is null", "a value, or to be left out")
    return given


def read_body(content: bytes, kind: type) -> Any:
    """A body as its struct.

    Raises:
        Problem: 400 where it is not strict JSON, 422 where it is not what it must be.
    """
    try:
        document, _ = parse(content)
    except BadBody as error:
        raise _unfit("body", str(error)) from None
    try:
        return msgspec.convert(document, kind)
    except msgspec.ValidationError as error:
        raise _wrong("body", error, kind, 422) from None


def check_media_type(headers: dict[str, str], kind: type) -> None:
    """See that a body is plain JSON, or where bytes are wanted says that it is those.

    Raises:
        Problem: 415.
    """
    wanted, name = (_BYTES, BYTES) if kind is bytes else (_JSON, JSON)
    if not wanted.fullmatch(headers.get("content-type", "")):
        raise Problem(415, "media-type", f"the body's content type is not {name}")
    if headers.get("content-encoding", "identity").lower() != "identity":
        raise Problem(415, "content-coding", "a compressed body is not taken", headers={"accept-encoding": "identity"})


def check_accepted(header: str | None, media_type: str) -> None:
    """See that the caller takes what there is.

    Raises:
        Problem: 406.
    """
    kind = media_type.partition(";")[0]
    ranges = {"*/*", f"{kind.partition('/')[0]}/*", kind}
    for one in (header or "*/*").split(","):
        name, *parameters = (part.strip().lower() for part in one.split(";"))
        refused = any(re.fullmatch(r"q\s*=\s*0(?:\.0{0,3})?", parameter) for parameter in parameters)
        if name in ranges and not refused:
            return
    raise Problem(406, "not-acceptable", f"there is only {kind}")


def _pairs(text: bytes) -> list[tuple[str, str]]:
    if len(text) > QUERY_BYTES:
        raise _unfit("query", f"it is longer than {QUERY_BYTES} bytes")
    if not text:
        return []
    try:
        return parse_qsl(
            text.decode("ascii"), keep_blank_values=True, strict_parsing=True, errors="strict",
            max_num_fields=QUERY_MEMBERS,
        )  # fmt: skip
    except ValueError:
        raise _unfit("query", "it cannot be read", "name=value&name=value, in UTF-8") from None


def _wrong(of: str, error: msgspec.ValidationError, kind: type, status: int) -> Problem:
    """What msgspec says (``Expected `str`, got `int` - at `$.value```), without what the caller has written: it may be
    a key.
    """
    what, _, place = str(error).partition(" - at `$")
    place = place.rstrip("`")
    what, quoted = _QUOTED.subn(r"\1", what[:1].lower() + what[1:])
    expected = _known(msgspec.inspect.type_info(kind), place) if quoted else ""
    detail = f"{of}{place}: {what}{f'; expected {expected}' if expected else ''}"
    return Problem(status, "unfit", detail, [Fault(of + place, what, expected)])


def _known(kind: msgspec.inspect.Type, place: str) -> str:
    """The names or values that there are at a place (``.each[...].kind``), where they can be told."""
    step = _STEP.match(place)
    match kind:
        case msgspec.inspect.StructType(fields=fields) if step:
            return next((_known(one.type, place[step.end() :]) for one in fields if one.encode_name == step[1]), "")
        case msgspec.inspect.StructType(fields=fields):
            return "one of " + ", ".join(one.encode_name for one in fields)
        case msgspec.inspect.CollectionType(item_type=item) if place.startswith("["):
            return _known(item, place.partition("]")[2])
        case msgspec.inspect.UnionType(types=types):
            return next(filter(None, (_known(one, place) for one in types)), "")
        case msgspec.inspect.LiteralType(values=values) if not place:
            return "one of " + ", ".join(map(str, values))
        case msgspec.inspect.Metadata(type=bare):
            return _known(bare, place)
    return ""


def _unfit(where: str, what: str, expected: str = "") -> Problem:
    return Problem(400, "unfit", f"{where}: {what}", [Fault(where, what, expected)])
