"""YAML text as plain values that know their lines.

The scalars are those of YAML 1.2's core schema (section 10.3.2), so that `no` and `1:30` stay the words they are; keys
are always text, so that a version may be called `2`.
"""

from __future__ import annotations

import re
from math import isfinite
from typing import Any

import yaml

from guard.settings.problem import Path, Report, plain

MOST_REPEATS = 1_000
"""How many values may come from aliases; a few anchors written to multiply reach billions."""

_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")

_MARK = re.compile(r"<[a-z ]+>|[^\w\s]?")
"""What is quoted and none of the file's words: the kind of a token, or one sign."""

_TAG = "tag:yaml.org,2002:"


class _Loader(yaml.SafeLoader):
    """PyYAML's reader with the core schema's scalars in place of YAML 1.1's."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012  PyYAML's own attribute, filled below


for _kind, _pattern, _starts in (
    ("null", r"^(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
    ("bool", r"^(?:true|True|TRUE|false|False|FALSE)$", list("tTfF")),
    ("int", r"^(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)$", list("-+0123456789")),
    ("float", r"^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$", list("-+.0123456789")),
):
    _Loader.add_implicit_resolver(_TAG + _kind, re.compile(_pattern), _starts)


def parse(text: str, report: Report) -> Any:
    """Read one YAML document into dicts, lists, text, numbers, booleans and None; each value's line goes into `report`.

    What cannot be used (a duplicate key, a tag) is reported and left out.

    Raises:
        SettingsError: the text is no YAML at all, or holds no document or several.
    """
    try:
        node = _Loader(text).get_single_node()
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        report.fail((), "there is a character that YAML does not allow", "printable text", line)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        report.fail((), f"this is not YAML: {_problem(error)}", "one YAML document", mark.line + 1 if mark else 1)
    except (RecursionError, ValueError):
        report.fail((), "this is nested too deep or malformed", "one YAML document", 1)
    if node is None:
        report.fail((), "the file is empty", "at least `models` and `routes`", 1)
    return _Builder(report).build(node, ())


def _problem(error: yaml.MarkedYAMLError) -> str:
    """What PyYAML found, without quoting the file: what it quotes may be part of a key."""
    if "found another document" in (error.problem or "") or "but found another" in (error.context or ""):
        return "there is more than one document"
    return _QUOTED.sub(_hidden, error.problem or "it ends too early")


def _hidden(quoted: re.Match[str]) -> str:
    return quoted[0] if _MARK.fullmatch(quoted[0][1:-1]) else "what stands here"


class _Builder:
    """Turns PyYAML's nodes into values; counts what aliases repeat."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._seen: set[int] = set()
        self._around: set[int] = set()
        self._repeats = 0

    def build(self, node: yaml.Node, path: Path) -> Any:
        line = node.start_mark.line + 1
        self._report.lines.setdefault(path, line)
        self._count(node, path, line)
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, path, line)
        if node.tag not in (_TAG + "map", _TAG + "seq"):
            self._report.add(path, "it carries a tag", "a plain value", line)
            return None
        self._around.add(id(node))
        value = self._mapping(node, path) if isinstance(node, yaml.MappingNode) else self._sequence(node, path)
        self._around.discard(id(node))
        return value

    def _count(self, node: yaml.Node, path: Path, line: int) -> None:
        self._repeats += id(node) in self._seen
        self._seen.add(id(node))
        if id(node) in self._around:
            self._report.fail(path, "an alias stands inside of what it names", "values that end", line)
        if self._repeats > MOST_REPEATS:
            self._report.fail(path, f"aliases repeat more than {MOST_REPEATS:,} values", "values written out", line)

    def _sequence(self, node: yaml.Node, path: Path) -> list[Any]:
        return [self.build(item, (*path, index)) for index, item in enumerate(node.value)]

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        value: dict[str, Any] = {}
        for key, item in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                self._report.note(path, "a key is a list or a mapping", "keys that are text", line)
            elif key.value in value:
                first = self._report.lines[(*path, key.value)]
                self._report.note(
                    (*path, key.value),
                    f"the key {plain(key.value)} stands here twice, first on line {first}",
                    "each key once",
                    line,
                )
            else:
                self._report.lines[(*path, key.value)] = line
                value[key.value] = self.build(item, (*path, key.value))
        return value

    def _scalar(self, node: yaml.ScalarNode, path: Path, line: int) -> Any:
        text: str = node.value
        kind = node.tag.removeprefix(_TAG)
        if kind == "null":
            return None
        if kind == "bool" and text.lower() in ("true", "false"):
            return text.lower() == "true"
        if kind in ("int", "float"):
            return self._number(text, kind, path, line)
        if kind != "str":
            self._report.add(path, "it carries a tag", "a plain value", line)
        elif not text.isprintable():
            self._report.add(path, "it holds a line break or a control character", "one line of text", line)
        return text

    def _number(self, text: str, kind: str, path: Path, line: int) -> int | float | None:
        try:
            base = {"0o": 8, "0x": 16}.get(text[:2], 10)
            number = int(text, base) if kind == "int" else float(text)
        except ValueError:
            number = float("inf")
        if isfinite(number) and abs(number) < 2**63:
            return number
        self._report.add(path, "the number is too large", "a number below 2^63", line)
        return None
