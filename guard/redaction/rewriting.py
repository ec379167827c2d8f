"""A record written anew without its secrets: each is replaced by a mark, and counted by kind.

What is JSON stays JSON: its strings are decoded, redacted and written again, its other spelling is lost. What only
looks like JSON, or is not to be decided in bounded time, is left out whole where it may hold a secret.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_plus

import orjson

from guard.formats.lenient import recoded
from guard.formats.walk import NUMBERS
from guard.redaction.masking import OUTSIDE, WORD, Masking
from guard.redaction.rules import at, written
from guard.redaction.texts import Record, dense, leaves, looks_like_json, strings, unescaped
from guard.wire.body import BadBody, parse

if TYPE_CHECKING:
    from guard.redaction.secrets import Secrets

TOGETHER = 64
"""So many texts are looked through at a time; one by one only where there is something."""

EVENT = re.compile(r"(data: ?)?(.*)", re.DOTALL)


class Rewriting(Masking):
    """One record on its way; `output`: its output texts have their marks already, and these counts."""

    def __init__(self, secrets: Secrets, line: bytes, output: dict[str, int] | None) -> None:
        super().__init__(secrets, line)
        self.counts |= output or {}
        self._output_done = output is not None
        self._known: dict[str, tuple[str, dict[str, int]]] = {}

    def record(self, record: Record) -> Record:
        """The record without its secrets."""
        new = self._part(record)
        for name in ("request", "response"):
            if name in new:
                new[name] = self._part(new[name])
        if "path" in new.get("request", ()):
            new["request"]["path"] = self._target(new["request"]["path"])
        if new.get("session") is not None:
            new["session"] = {**new["session"], "reason": self._mask(new["session"]["reason"])}
        if "prompt" in new:
            new["prompt"] = self._texts(new["prompt"])
        if "output" in new and not self._output_done:
            output = new["output"]
            whole = not output or type(output[0]) is str
            new["output"] = self._texts(output) if whole else [self._texts(pair) for pair in output]
        if "attempts" in new:
            new["attempts"] = [{**one, "error": self._maybe(one["error"])} for one in new["attempts"]]
        if self.counts:
            new["redacted"] = self.counts
        return new

    def _part(self, part: Record) -> Record:
        new = dict(part)
        for name in ("body", "text"):
            if type(new.get(name)) is str:
                new[name] = self._body(new[name], fields=True)
        for name, plain in (("body_base64", "body"), ("base64", "text")):
            if name in new:
                self._binary(new, name, plain)
        return new

    def _binary(self, part: Record, name: str, plain: str) -> None:
        content = b64decode(part[name])
        document = recoded(content)
        if document is not None and (text := self._body(document.decode(), fields=True)) != document.decode():
            del part[name]
            part[plain] = text
            return
        masked = self._mask(content.decode("latin-1"))
        part[name] = b64encode(masked.encode("latin-1")).decode()

    def _target(self, target: str) -> str:
        masked = self._mask(target)
        plain = unquote_plus(masked) if "%" in masked else masked
        return self._mask(plain) if self._secrets.touches(plain) else masked

    def _maybe(self, text: str | None) -> str | None:
        return None if text is None else self._mask(text)

    def _texts(self, texts: Sequence[str]) -> list[str]:
        """Each without its secrets; of many only those are looked at that may have some."""
        new: list[str] = []
        for first in range(0, len(texts), TOGETHER):
            some = texts[first : first + TOGETHER]
            told = "\n".join(some)
            hit = self._known or "\\" in told or self._secrets.touches(told)
            new += [self._text(text) for text in some] if hit else some
        return new

    def _text(self, text: str) -> str:
        if text in self._known:
            return self._count(*self._known[text])
        return self._body(text) if looks_like_json(text) else self._mask(text)

    # Documents.

    def _body(self, text: str, *, fields: bool = False) -> str:
        """A text that may be a document, or lines and events that are some; `fields`: and one that has the fields."""
        if not looks_like_json(text):
            return self._mask(text)
        if self._rules is None and (plain := self._in_place(text)) is not None:
            return plain
        if dense(text):
            return self._withheld(text) if "\\" in text or fields or self._secrets.touches(text) else text
        try:
            document, _ = parse(text.encode("utf-8", "surrogatepass"))
        except BadBody:
            return self._no_document(text, fields=fields)
        try:
            return self._without_keys(self._document(document, text, fields=fields))
        except RecursionError:
            return self._withheld(text)

    def _in_place(self, text: str) -> str | None:
        """The text with marks for keys, all else to the byte; None: one may be in escapes, or not part of a string."""
        keys = [key for key in self._keys if key in text]
        if not keys or "\\u00" in text or any(not WORD.fullmatch(key) or OUTSIDE.fullmatch(key) for key in self._keys):
            return None
        for key in keys:
            if f"\\{key}" in text or ("\\u" in text and re.search(rf"\\u[0-9a-fA-F]{{0,3}}{re.escape(key)}", text)):
                return None
        return self._mask_keys(text)

    def _document(self, document: Any, text: str, *, fields: bool) -> str:
        holder = [document]
        hidden = fields and self._hide_fields(holder)
        found = {leaf: masked for leaf in self._touched(leaves(text)) if (masked := self._leaf(leaf))[1]}
        if not found and not hidden:
            return text
        return orjson.dumps(self._rebuilt(holder[0], found)).decode()

    def _hide_fields(self, holder: list[Any]) -> bool:
        """Put marks where the configuration's fields are; what stood there is not to be stored elsewhere either."""
        rules = self._rules
        hidden = False
        for name, tokens in rules.fields if rules is not None else ():
            for container, place in at(holder, ("0", *tokens)):
                value = container[place]
                if value is None or value == "":
                    continue
                assert rules is not None
                mark = rules.mark(name, written(value))
                for leaf in strings(value):
                    self._known[leaf] = rules.mark(name, leaf), {name: 1}
                container[place] = mark
                self._count(mark, {name: 1})
                hidden = True
        return hidden

    def _touched(self, texts: Sequence[str]) -> Iterator[str]:
        touches = self._secrets.touches
        for first in range(0, len(texts), TOGETHER):
            some = texts[first : first + TOGETHER]
            if touches("\n".join(some)):
                yield from some

    def _leaf(self, text: str) -> tuple[str, dict[str, int]]:
        """What becomes of a string in a document, and the marks in it, which count where it is put."""
        counts, self.counts = self.counts, {}
        masked = self._body(text) if "\\" in text and looks_like_json(text) else self._mask(text)
        counts, self.counts = self.counts, counts
        return masked, counts

    def _rebuilt(self, value: Any, found: dict[str, tuple[str, dict[str, int]]]) -> Any:
        kind = type(value)
        if kind is str:
            return self._count(*found[value]) if value in found else value
        if kind is dict:
            return {
                self._count(*found[key]) if key in found else key: self._rebuilt(one, found)
                for key, one in value.items()
            }
        if kind is list:
            if NUMBERS.issuperset(map(type, value)) and (told := orjson.dumps(value).decode()) in found:
                return self._count(*found[told])
            return [self._rebuilt(one, found) for one in value]
        if (kind is int or kind is float) and written(value) in found:
            return self._count(*found[written(value)])
        return value

    def _no_document(self, text: str, *, fields: bool) -> str:
        """Line by line if there are some, as streams have them; else as text."""
        if "\n" in text:
            return "\n".join([self._event(line, fields=fields) for line in text.split("\n")])
        return self._event(text, fields=fields)

    def _event(self, line: str, *, fields: bool) -> str:
        told = EVENT.fullmatch(line)
        assert told is not None
        prefix, data = told[1] or "", told[2]
        if not looks_like_json(data):
            return self._mask(line)
        try:
            document, _ = parse(data.encode("utf-8", "surrogatepass"))
        except BadBody:
            return self._illegible(line, fields=fields)
        return prefix + self._without_keys(self._document(document, data, fields=fields))

    def _illegible(self, text: str, *, fields: bool) -> str:
        """What was meant to be JSON: where its fields are nobody knows, nor which of its escapes are some."""
        if fields and self._rules is not None and self._rules.fields:
            return self._withheld(text)
        masked = self._mask(text)
        return self._withheld(text) if "\\" in masked and self._secrets.touches(unescaped(masked)) else masked
