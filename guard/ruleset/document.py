"""Reading one YAML file of rules: every mistake becomes a `Problem`, and the good rules are still read."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from datetime import UTC, date, datetime, time
from typing import Any, NamedTuple

import msgspec
import yaml
from msgspec.structs import fields
from yaml.composer import Composer

from guard.ruleset.problem import Problem
from guard.ruleset.rule import Rule

LOADER: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
DEPTH = 16  # collections within collections
FIELDS = {field.name: field for field in fields(Rule)}


class Read(NamedTuple):
    """A rule, and where its parts stand: field path to line."""

    rule: Rule
    file: str
    lines: dict[str, int]

    def problem(self, field: str, why: str) -> Problem:
        """A problem with one field of this rule."""
        line = self.lines.get(field) or self.lines.get(field.partition(".")[0]) or self.lines[""]
        return Problem(file=self.file, line=line, rule=self.rule.id, field=field, why=why)


def read_document(file: str, content: bytes) -> tuple[list[Read], list[Problem]]:
    """The rules in a file's content, in order, and what is wrong with the others. `file` is its name in problems."""
    try:
        loader = LOADER(content.decode())
        root = _Composer(loader).get_single_node()
    except UnicodeDecodeError as error:
        return [], [Problem(file=file, why=f"not UTF-8 at byte {error.start}")]
    except yaml.YAMLError as error:
        return [], [_bad_yaml(file, error)]
    if root is None:
        return [], []
    if not isinstance(root, yaml.SequenceNode):
        return [], [_at(file, root, "a list of rules was expected, each beginning with '- id:'")]
    read = [_read_rule(file, loader, node) for node in root.value]
    return [rule for rule, _ in read if rule], [problem for _, problems in read for problem in problems]


class _Composer(Composer):
    """Makes nodes of a loader's events, one after the other: other threads have their turn in between, as they have not
    while the loader's own, in C, is at it. What would exhaust the stack is refused, for this goes by recursion.
    """

    peek_event: Callable[[], yaml.Event]

    def __init__(self, loader: yaml.SafeLoader) -> None:
        super().__init__()
        self._depth = 0
        for name in ("check_event", "peek_event", "get_event", "descend_resolver", "ascend_resolver", "resolve"):
            setattr(self, name, getattr(loader, name))

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """See `Composer`."""
        event = self.peek_event()
        self._depth += 1
        if self._depth > DEPTH + (not isinstance(event, yaml.CollectionStartEvent)):
            line = event.start_mark.line + 1 if event.start_mark else 1
            raise yaml.YAMLError(f"more than {DEPTH} levels deep at line {line}")
        node: yaml.Node | None = super().compose_node(parent, index)
        self._depth -= 1
        return node


def _bad_yaml(file: str, error: Exception, rule: str = "", line: int | None = None) -> Problem:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    why = getattr(error, "problem", None) or " ".join(str(error).split())
    return Problem(file=file, line=mark.line + 1 if mark else line, rule=rule, why=f"bad YAML: {why}")


def _at(file: str, node: yaml.Node, why: str, rule: str = "", field: str = "") -> Problem:
    return Problem(file=file, line=node.start_mark.line + 1, rule=rule, field=field, why=why)


def _read_rule(file: str, loader: yaml.SafeLoader, node: yaml.Node) -> tuple[Read | None, list[Problem]]:
    if not isinstance(node, yaml.MappingNode):
        return None, [_at(file, node, "a rule was expected: a mapping with 'id', 'title' and so on")]
    lines = {"": node.start_mark.line + 1}
    problems = _survey(file, node, "", lines)
    if problems:
        name = next((value.value for key, value in node.value if key.value == "id" and value.value), "")
        return None, [msgspec.structs.replace(problem, rule=str(name)) for problem in problems]
    try:
        values: dict[Hashable, Any] = loader.construct_mapping(node, deep=True)
    except (yaml.YAMLError, ValueError) as error:
        return None, [_bad_yaml(file, error, line=lines[""])]
    name = values.get("id")
    rule_id = name if isinstance(name, str) else ""
    wrong = [
        Problem(file=file, line=lines.get(key) or lines[""], rule=rule_id, field=key, why=why)
        for key, why in _mistakes(values)
    ]
    if wrong:
        return None, wrong
    return Read(msgspec.convert(_dated(values), Rule), file, lines), []


def _survey(file: str, node: yaml.MappingNode, path: str, lines: dict[str, int]) -> list[Problem]:
    """Note the line of each key in a mapping and those directly in it, and report keys that stand twice."""
    problems = []
    for key, value in node.value:
        name = f"{path}{key.value}" if isinstance(key, yaml.ScalarNode) else ""
        if not name or key.tag == "tag:yaml.org,2002:merge":
            problems.append(_at(file, key, "a key must be a plain word"))
        elif name in lines:
            problems.append(_at(file, key, "this key stands twice", field=name))
        lines[name] = key.start_mark.line + 1
        if isinstance(value, yaml.MappingNode) and not path:
            problems.extend(_survey(file, value, f"{name}.", lines))
    return problems


def _mistakes(values: dict[Hashable, Any]) -> list[tuple[str, str]]:
    """Every field that is unknown, missing, or of the wrong kind, and why."""
    mistakes = [(str(key), f"unknown field; known: {', '.join(FIELDS)}") for key in values if key not in FIELDS]
    values = _dated(values)
    for name, field in FIELDS.items():
        if name not in values:
            if field.required:
                mistakes.append((name, "this field is missing"))
            continue
        try:
            msgspec.convert(values[name], field.type)
        except msgspec.ValidationError as error:
            why, _, where = str(error).partition(" - at `$")
            path = where.rstrip("`")
            mistakes.append((name + path if path.startswith(".") else name, why))
    return mistakes


def _dated(values: dict[Hashable, Any]) -> dict[Hashable, Any]:
    """The values with `expires` as a moment: a bare date begins at midnight, and a time without a zone is UTC."""
    expires = values.get("expires")
    if isinstance(expires, date) and not isinstance(expires, datetime):
        expires = datetime.combine(expires, time.min)
    if isinstance(expires, datetime) and expires.tzinfo is None:
        expires = expires.replace(tzinfo=UTC)
    return values if expires is None else {**values, "expires": expires}
