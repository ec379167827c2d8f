"""Plain values held against the structs of `guard.config`: every unknown key, missing key and wrong value at once.

Accepts what `msgspec.convert` accepts, which stops at the first error and names no line.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import get_close_matches
from functools import cache
from typing import Any, get_args

import msgspec
from msgspec import inspect

from guard.config import Config, Name, Rate
from guard.settings.problem import Path, Report, plain, shown

_WORD = re.compile(r"[A-Za-z_]{1,32}")
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")

_PATTERNS = {
    get_args(Name)[1].pattern: "a name: up to 64 letters, digits, '.', '_' and '-', the first a letter or digit",
    get_args(Rate)[1].pattern: "a rate such as 10/s, 600/min or 5000/h",
    "^/": "a path that begins with /",
}

_AROUND_SECRETS = {("clients",), ("blocks",), ("journal", "witnesses"), ("journal", "ship"), ("store",)}


class Reader:
    """Reads values into structs; what cannot be read is reported and stands in them as its default."""

    def __init__(self, report: Report, environ: Mapping[str, str] | None) -> None:
        self._report = report
        self._environ = environ

    def read_config(self, value: Any) -> Config:
        """Read a whole document; not to be used when the report has problems, except for looking for more of them."""
        config: Config = self._read(_config_type(), value, ())
        return config

    def _read(self, kind: inspect.Type, value: Any, path: Path) -> Any:
        if not self._report.sound(path):
            return _blank(kind)
        match kind:
            case inspect.StructType() if isinstance(value, dict):
                return self._struct(kind, value, path)
            case inspect.DictType() if isinstance(value, dict):
                return self._mapping(kind, value, path)
            case inspect.VarTupleType() if isinstance(value, list):
                items = tuple(self._read(kind.item_type, item, (*path, index)) for index, item in enumerate(value))
                self._count(kind, items, path)
                return items
        if isinstance(value, str):
            value = self._text(value, path)
        if not self._report.sound(path):
            return _blank(kind)
        if _fits(kind, value):
            return float(value) if isinstance(kind, inspect.FloatType) else value
        self._report.add(path, _wrong(value, path), _expected(kind) + _hint(kind, value))
        return _blank(kind)

    def _struct(self, kind: inspect.StructType, value: dict[str, Any], path: Path) -> Any:
        fields = {field.encode_name: field for field in kind.fields}
        for key in (key for key in value if key not in fields):
            if _WORD.fullmatch(key) is None:  # `key sk-123`, the colon forgotten, is a key too, and a secret
                line = self._report.lines.get((*path, key))
                self._report.add(path, "a key in it is no word", "one of " + ", ".join(fields), line)
                continue
            near = get_close_matches(key, fields, n=1)
            choice = f"{near[0]}?" if near else "one of " + ", ".join(fields)
            self._report.add((*path, key), f"there is no key {plain(key)} here", choice)
        return kind.cls(**{field.name: self._field(field, value, path) for field in kind.fields})

    def _field(self, field: inspect.Field, value: dict[str, Any], path: Path) -> Any:
        place = (*path, field.encode_name)
        if field.encode_name in value:
            return self._read(field.type, value[field.encode_name], place)
        if field.required:
            self._report.add(place, "it is missing", _expected(field.type))
            return _blank(field.type)
        return field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory()

    def _mapping(self, kind: inspect.DictType, value: dict[str, Any], path: Path) -> dict[str, Any]:
        for key in value:
            if not _fits(kind.key_type, key):
                self._report.note((*path, key), f"{shown(key)} cannot be a name here", _expected(kind.key_type))
        self._count(kind, value, path)
        return {key: self._read(kind.value_type, item, (*path, key)) for key, item in value.items()}

    def _count(self, kind: inspect.DictType | inspect.VarTupleType, value: Any, path: Path) -> None:
        if len(value) < (kind.min_length or 0):
            self._report.add(path, "it is empty", f"at least {kind.min_length}")

    def _text(self, value: str, path: Path) -> str:
        """The text itself, or what the environment has for it where a secret may stand."""
        name = None
        if "${" in value:
            name = _VARIABLE.fullmatch(value)
            if not is_secret(path):
                self._report.add(
                    path, "`${` may not stand here", "the value itself; only keys come from the environment"
                )
            elif name is None:
                self._report.add(path, "`${` is only part of it", "`${NAME}` and nothing else")
            elif self._environ is None:
                return value
            elif name[1] not in self._environ:
                self._report.add(path, f"the environment variable {name[1]} is not set", "it to hold the key")
        if not is_secret(path) or not self._report.sound(path):
            return value
        secret = self._environ[name[1]] if name and self._environ is not None else value
        if not (secret.isascii() and secret.isprintable() and secret.strip() == secret != ""):
            what = f"what the environment variable {name[1]} holds" if name else "it"
            self._report.add(path, f"{what} cannot be a key", "printable ASCII without space around it")
        return secret


def is_variable(value: str) -> bool:
    """Whether it is still the name of a variable, as it is for who reads without an environment."""
    return _VARIABLE.fullmatch(value) is not None


def is_secret(path: Path) -> bool:
    """Whether a key, or an address that is one, stands there: it may come from the environment, and is not printed."""
    match path:
        case ("clients", _, "key") | ("blocks", int(), "key") | ("models", _, "versions", _, "key"):
            return True
        # Whoever knows a webhook's address may use it, and a store's has its password in it.
        case ("journal", "witnesses", int(), "url" | "key") | ("journal", "ship", "redis", "url"):
            return True
        case ("store", "url" | "password"):
            return True
    return False


@cache
def _config_type() -> inspect.Type:
    return inspect.type_info(Config)


def _fits(kind: inspect.Type, value: Any) -> bool:
    match kind:
        case inspect.UnionType():
            return any(_fits(one, value) for one in kind.types)
        case inspect.NoneType():
            return value is None
        case inspect.BoolType():
            return isinstance(value, bool)
        case inspect.LiteralType():
            return isinstance(value, str) and value in kind.values
        case inspect.StrType():
            return isinstance(value, str) and (kind.pattern is None or re.search(kind.pattern, value) is not None)
        case inspect.IntType():
            return isinstance(value, int) and not isinstance(value, bool) and _within(kind, value)
        case inspect.FloatType():
            return isinstance(value, int | float) and not isinstance(value, bool) and _within(kind, value)
    return False


def _within(kind: inspect.IntType | inspect.FloatType, value: float) -> bool:
    return (
        (kind.gt is None or value > kind.gt)
        and (kind.ge is None or value >= kind.ge)
        and (kind.lt is None or value < kind.lt)
        and (kind.le is None or value <= kind.le)
    )


def _blank(kind: inspect.Type) -> Any:
    """What stands in for a value that could not be read; the checks never look at it."""
    match kind:
        case inspect.StructType():
            return kind.cls(**{field.name: _blank(field.type) for field in kind.fields if field.required})
        case inspect.DictType():
            return {}
        case inspect.VarTupleType():
            return ()
        case inspect.StrType():
            return ""
        case inspect.LiteralType():
            return kind.values[0]
        case inspect.IntType() | inspect.FloatType():
            return 1
        case inspect.BoolType():
            return False
    return None


def _wrong(value: Any, path: Path) -> str:
    return "its value does not fit" if _may_show_a_secret(path) else f"got {shown(value)}"


def _may_show_a_secret(path: Path) -> bool:
    """Whether what stands there is one, or stands where what holds one should: `clients: {a: sk-123}`."""
    around = any(is_secret((*path, name)) for name in ("key", "url")) or path in _AROUND_SECRETS
    return is_secret(path) or around or "key_hash" in path


def _hint(kind: inspect.Type, value: Any) -> str:
    """A word on the commonest slip: a name or an address that YAML reads as a number."""
    wants_text = isinstance(kind, inspect.StrType | inspect.LiteralType) or (
        isinstance(kind, inspect.UnionType) and any(isinstance(one, inspect.StrType) for one in kind.types)
    )
    return " (in quotes)" if wants_text and isinstance(value, bool | int | float) else ""


def _expected(kind: inspect.Type) -> str:
    match kind:
        case inspect.UnionType():
            return " or ".join(_expected(one) for one in kind.types)
        case inspect.LiteralType():
            return "one of " + ", ".join(map(str, kind.values))
        case inspect.StrType():
            return _PATTERNS.get(kind.pattern or "", "text")
        case inspect.IntType():
            return "a whole number" + _bounds(kind)
        case inspect.FloatType():
            return "a number" + _bounds(kind)
        case inspect.DictType():
            return "a mapping of names"
        case inspect.VarTupleType():
            return "a list"
        case inspect.StructType():
            return "a mapping with " + ", ".join(field.encode_name for field in kind.fields)
        case inspect.BoolType():
            return "true or false"
    return "null"


def _bounds(kind: inspect.IntType | inspect.FloatType) -> str:
    words = {"gt": "above", "ge": "of at least", "lt": "below", "le": "of at most"}
    bounds = [f"{word} {getattr(kind, name):g}" for name, word in words.items() if getattr(kind, name) is not None]
    return " " + " and ".join(bounds) if bounds else ""
