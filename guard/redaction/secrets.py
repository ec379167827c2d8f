"""One caller's secrets, and records without them.

Every record is looked through for the keys that its request shows, as one search in the bytes that would be written.
Only where one is found, or a rule of the configuration may match, is the record taken apart and written anew
(`guard.redaction.rewriting`).
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_plus

import orjson

from guard.formats.lenient import recoded
from guard.redaction.masking import WORD
from guard.redaction.presented import in_fields, in_target
from guard.redaction.rewriting import Rewriting
from guard.redaction.rules import NOTHING, Redaction
from guard.redaction.texts import bodies_of, dense, has_fields, leaves, looks_like_json, texts_of

if TYPE_CHECKING:
    from guard.exchange import Exchange

Record = dict[str, Any]

NESTED = 3


class Secrets:
    """What must not be stored of the requests with one head.

    Attributes:
        policy: that they are judged by.
        keys: those to look for, beside the configured ones that `redaction.spot` looks for.
    """

    __slots__ = ("_needles", "_nothing", "_odd", "fingerprint", "keys", "policy", "redaction")

    def __init__(
        self, policy: object, keys: list[str], redaction: Redaction, fingerprint: Callable[[str], str]
    ) -> None:
        self.policy = policy
        self.redaction = redaction
        self.fingerprint = fingerprint
        spot = redaction.spot
        self.keys = (
            [*dict.fromkeys([*keys, *redaction.keys])] if spot is None else [key for key in keys if not spot(key)]
        )
        odd = [key for key in self.keys if not WORD.fullmatch(key)]
        self._odd = bool(odd)
        self._needles = [key.encode() for key in self.keys if key not in odd] + [
            form for key in odd for form in _forms(key)
        ]
        self._nothing = not self.keys and redaction == NOTHING

    def line(self, record: Record, *, output: dict[str, int] | None = None) -> bytes:
        """The record as it may be written; `output`: its output texts are redacted already, with these counts."""
        line = orjson.dumps(record)
        if self._nothing or (self._clear(line, record) and not (self.redaction.rules and self._touched(record))):
            return line if not output else orjson.dumps({**record, "redacted": output})
        return orjson.dumps(Rewriting(self, line, output).record(record))

    def touches(self, text: str) -> bool:
        """Whether the text may hold a secret; if not, it holds none."""
        if any(key in text for key in self.keys):
            return True
        redaction = self.redaction
        if redaction.spot is not None and redaction.spot(text):
            return True
        rules = redaction.rules
        return rules is not None and rules.finder is not None and rules.finder.touches(text)

    def _clear(self, line: bytes, record: Record) -> bool:
        """Whether none of the keys is in the record."""
        for needle in self._needles:
            if needle in line:
                return False
        spot = self.redaction.spot
        if spot is not None and spot(line.decode()):
            return False
        if self._odd and (b"\\u00" in line or b"\\/" in line) and self._in_documents(record):
            return False
        request, response = record.get("request"), record.get("response")
        if request is not None and "%" in request["path"] and self.touches(unquote_plus(request["path"])):
            return False
        binary = "body_base64" in record or "base64" in record
        if binary or (request and "body_base64" in request) or (response and "body_base64" in response):
            return not any(map(self._in_binary, _binary(record)))
        return True

    def _in_documents(self, record: Record) -> bool:
        """Whether a key is there in escapes."""
        texts = [text for text in texts_of(record) if "\\" in text and looks_like_json(text)]
        return any(dense(text) or any(map(self.touches, leaves(text))) for text in texts)

    def _in_binary(self, encoded: str) -> bool:
        content = b64decode(encoded)
        if self.touches(content.decode("latin-1")):
            return True
        document = recoded(content)
        return document is not None and any(map(self.touches, leaves(document.decode())))

    def _touched(self, record: Record) -> bool:
        """Whether a rule may match."""
        rules = self.redaction.rules
        assert rules is not None
        if rules.fields and any(has_fields(text, rules.fields) for text in bodies_of(record)):
            return True
        if rules.finder is None:
            return False
        texts = texts_of(record)
        escaped = [text for text in texts if "\\" in text and looks_like_json(text)]
        if any(map(dense, escaped)):
            return True
        more = [leaf for text in escaped for leaf in leaves(text)]
        return rules.finder.touches("\n".join(texts + more))


def secrets_of(exchange: Exchange) -> Secrets:
    """The secrets of an exchange; those of a head are found once, and those of a target with each request."""
    policy, head = exchange.policy, exchange.head
    redaction = policy.redaction or NOTHING
    secrets: Secrets | None = head.secrets
    if secrets is None or secrets.policy is not policy:
        secrets = Secrets(policy, in_fields(head.headers), redaction, policy.clients.fingerprint)
        head.secrets = secrets
    if "=" in exchange.target and (more := in_target(exchange.target)):
        keys = [*secrets.keys, *(key for key in more if key not in secrets.keys)]
        secrets = Secrets(policy, keys, redaction, policy.clients.fingerprint)
    exchange.secrets = secrets
    return secrets


def _forms(key: str) -> list[bytes]:
    """A key as a text has it, as a document in a text of the record has it, and as one within that does."""
    forms = [key.encode()]
    for _ in range(NESTED):
        forms.append(orjson.dumps(forms[-1].decode())[1:-1])
    return forms[1:]


def _binary(record: Record) -> list[str]:
    parts = (record, record.get("request"), record.get("response"))
    found = [part["body_base64"] for part in parts if part is not None and "body_base64" in part]
    return [record["base64"], *found] if "base64" in record else found
