"""Forms, ``multipart/form-data`` (RFC 7578, RFC 2046 section 5.1): read strictly, and built anew from what was read."""

from __future__ import annotations

import os
import re
from typing import NamedTuple

from guard.wire.grammar import TOKEN
from guard.wire.media import BadMediaType, MediaType, media_type

MAX_PARTS = 100
MAX_HEADER_BYTES = 4_096
LONGEST_BOUNDARY = 70

_FIELD = re.compile(rf"({TOKEN}):[ \t]*([^\x00-\x08\x0a-\x1f\x7f]*)")
# Without escapes: clients differ in how they put them in (backslashes, per cent), servers in how they take them off.
_PARAMETER = re.compile(rf';[ \t]*({TOKEN})=(?:({TOKEN})|"([^"\\\x00-\x1f\x7f]*)")[ \t]*')
_PLAIN = frozenset({"7bit", "8bit", "binary"})


class BadForm(ValueError):
    """The body is not the strict form that the guard forwards; the message says why."""


class Part(NamedTuple):
    """One field of a form. `filename` is None for one that is no file, `media` where the part does not tell."""

    name: str
    filename: str | None
    media: MediaType | None
    content: bytes

    def __bytes__(self) -> bytes:
        """The part as it goes on, without the delimiters around it."""
        filename = b"" if self.filename is None else b'; filename="%b"' % self.filename.encode()
        kind = b"" if self.media is None else b"\r\ncontent-type: %b" % bytes(self.media)
        head = b'content-disposition: form-data; name="%b"%b%b' % (self.name.encode(), filename, kind)
        return b"%b\r\n\r\n%b" % (head, self.content)


class Form:
    """The parts of a form in their order, and the boundary between them when it goes on, which nobody can foresee."""

    __slots__ = ("boundary", "parts")

    def __init__(self, parts: list[Part]) -> None:
        self.parts = parts
        self.boundary = b"guard-" + os.urandom(16).hex().encode()

    @property
    def content_type(self) -> bytes:
        """The media type of the form as it goes on."""
        return b"multipart/form-data; boundary=" + self.boundary

    def text(self, name: str) -> str | None:
        """The content of the field of that name, None where there is none; raises BadForm where it is not one text."""
        found = [part for part in self.parts if part.name == name]
        if not found:
            return None
        if len(found) > 1 or found[0].filename is not None:
            raise BadForm(f"the field {name} is not one text")
        try:
            return found[0].content.decode()
        except UnicodeDecodeError:
            raise BadForm(f"the field {name} is not UTF-8") from None

    def renamed(self, model: str) -> Form:
        """The same form with another text in its field ``model``, if it has one."""
        form = Form([part._replace(content=model.encode()) if part.name == "model" else part for part in self.parts])
        form.boundary = self.boundary
        return form

    def __bytes__(self) -> bytes:
        """The body that stands for exactly these parts."""
        pieces: list[bytes] = []
        for part in self.parts:
            pieces += (b"--", self.boundary, b"\r\n", bytes(part), b"\r\n")
        return b"".join([*pieces, b"--", self.boundary, b"--\r\n"])


def parse(body: bytes, boundary: str | None) -> Form:
    """Read a form; `boundary` is the parameter of its media type.

    Raises:
        BadForm: there is something before the first delimiter or behind the last, a part without a name or with
            parameters that are not understood, a transfer encoding, a field in a header that stands twice or is not
            UTF-8, or more than 100 parts or 4,096 bytes of header in one.
    """
    if not boundary or len(boundary) > LONGEST_BOUNDARY or boundary.endswith(" "):
        raise BadForm(f"the boundary is missing, ends with a space or is longer than {LONGEST_BOUNDARY}")
    delimiter = b"\r\n--" + boundary.encode()
    if not body.startswith(delimiter[2:]):
        raise BadForm("it does not begin with its boundary")
    pieces = body[len(delimiter) - 2 :].split(delimiter, MAX_PARTS + 1)
    if len(pieces) > MAX_PARTS + 1:
        raise BadForm(f"it has more than {MAX_PARTS} parts")
    end = pieces.pop()
    if end not in {b"--", b"--\r\n"}:
        raise BadForm("its end is missing, or something follows it")
    if not pieces:
        raise BadForm("it has no parts")
    return Form([_part(piece) for piece in pieces])


def _part(piece: bytes) -> Part:
    """Read what stands between two delimiters, from behind the first one's last character."""
    end = piece.find(b"\r\n\r\n", 0, MAX_HEADER_BYTES + 4)
    if not piece.startswith(b"\r\n") or end < 1:
        raise BadForm(f"a part has no header, or one that does not end within {MAX_HEADER_BYTES} bytes")
    fields = _fields(piece[2:end])
    encoding = fields.get("content-transfer-encoding", "binary")
    if encoding.lower() not in _PLAIN:
        raise BadForm("a part has a content-transfer-encoding (RFC 7578, section 4.7)")
    name, filename = _disposition(fields.get("content-disposition", ""))
    kind = fields.get("content-type")
    try:
        media = media_type(kind.encode()) if kind is not None else None
    except BadMediaType as error:
        raise BadForm(f"the part {name[:64]!r}: {error}") from None
    return Part(name, filename, media, piece[end + 4 :])


def _fields(head: bytes) -> dict[str, str]:
    try:
        lines = head.decode().split("\r\n")
    except UnicodeDecodeError:
        raise BadForm("a part's header is not UTF-8") from None
    fields: dict[str, str] = {}
    for line in lines:
        field = _FIELD.fullmatch(line)
        if field is None:
            raise BadForm("a part's header has a malformed line")
        name = field[1].lower()
        if name in fields:
            raise BadForm(f"a part's header has {name[:64]} twice")
        fields[name] = field[2].rstrip(" \t")
    return fields


def _disposition(value: str) -> tuple[str, str | None]:
    """Name and filename from a part's ``Content-Disposition`` (RFC 7578, section 4.2)."""
    kind, _, _ = value.partition(";")
    if kind.strip(" \t").lower() != "form-data":
        raise BadForm("a part has no content-disposition: form-data")
    found: dict[str, str] = {}
    at = len(kind)
    while at < len(value):
        parameter = _PARAMETER.match(value, at)
        if parameter is None or parameter[1].lower() not in {"name", "filename"} or parameter[1].lower() in found:
            raise BadForm('a content-disposition is not `form-data; name="…"` or `…; filename="…"`, without escapes')
        found[parameter[1].lower()] = parameter[2] if parameter[2] is not None else parameter[3]
        at = parameter.end()
    if "name" not in found:
        raise BadForm("a part has no name")
    return found["name"], found.get("filename")
