import os
import subprocess
import sys
from datetime import UTC, datetime
from time import monotonic

import pytest

from guard.ruleset.bundle import BundleError, load

GOOD = """
- id: one
  title: Asks to drop earlier instructions
  level: high
  target: prompt
  match: {any: ["Ignore All previous"], regex: 'disregard\\s+(all|any|the)\\s+rules'}
  action: block
  tests: {match: ["Please ignore all PREVIOUS.", "disregard the rules"], no_match: ["Do not ignore the previous."]}
"""
LEAK = """
- id: leak
  title: A key in the output
  level: critical
  target: output
  match: {any_file: data/keys.txt}
  action: block
  tests: {match: ["it is SECRET-KEY"], no_match: ["it is secret"]}
"""


@pytest.fixture
def write(tmp_path):
    """Writes files, given by name, into a rules folder, and gives the folder."""

    def to(**files):
        for name, content in files.items():
            path = tmp_path / name.replace("__", "/").replace("_", ".")
            path.parent.mkdir(exist_ok=True)
            path.write_text(content)
        return tmp_path

    return to


def changed(**fields):
    """The rule GOOD with some of its fields written otherwise; None drops the field."""
    lines = [line for line in GOOD.splitlines() if line.strip(" -").split(":")[0] not in fields]
    new = [f"  {name}: {value}" for name, value in fields.items() if value is not None and name != "id"]
    head = f"- id: {fields['id']}" if "id" in fields else next(line for line in lines if line.startswith("-"))
    return "\n".join([head, *[line for line in lines if line.startswith("  ")], *new]) + "\n"


@pytest.mark.parametrize("engine", ["auto", "hyperscan", "portable"])
def test_a_folder_becomes_matchers(write, engine):
    """Files are read in the order of their names, and each rule is matched on its target."""
    bundle = load(write(**{"20-b_yaml": GOOD, "10-a_yaml": LEAK, "data__keys_txt": "secret-key\n"}), engine=engine)
    assert [rule.id for rule in bundle.rules] == ["leak", "one"]
    assert [rule.id for rule in bundle.prompt.scan("IGNORE all previous")] == ["one"]
    assert [rule.id for rule in bundle.output.scan("secret-key")] == ["leak"]
    assert bundle.output.scan("ignore all previous") == ()
    assert bundle.warnings == ()


def test_no_folder_is_no_rules():
    """None is the empty bundle, and it matches nothing."""
    bundle = load(None)
    assert bundle.rules == ()
    assert bundle.warnings == ()
    assert bundle.prompt.empty
    assert bundle.output.empty
    assert len(bundle.hash) == 64


def test_a_folder_without_rules_is_a_warning(tmp_path):
    """An empty folder works, but the operator is told."""
    assert load(tmp_path).warnings == (f"there are no rules in '{tmp_path}'",)


def test_the_hash_is_that_of_the_files(write):
    """The same files have the same hash; a changed rule, name or phrase has another."""
    hashes = [load(write(a_yaml=LEAK, data__keys_txt="secret-key\n")).hash for _ in range(2)]
    assert hashes[0] == hashes[1]
    hashes.append(load(write(data__keys_txt="secret-key\nmore\n")).hash)
    hashes.append(load(write(a_yaml=LEAK + "\n")).hash)
    assert len(set(hashes)) == 3


@pytest.mark.parametrize(
    ("expires", "left"),
    [("2030-01-01", ["one"]), ("2029-12-31", []), ("2029-12-31T12:00:00Z", []), ("2029-12-31 12:00:01", ["one"])],
)
def test_an_expired_rule_is_left_out(write, expires, left):
    """From the moment it expires, a rule is not compiled, and a warning says so."""
    bundle = load(write(a_yaml=changed(expires=expires)), now=datetime(2029, 12, 31, 12, tzinfo=UTC))
    assert [rule.id for rule in bundle.rules] == left
    assert bundle.prompt.empty is not bool(left)
    assert len(bundle.warnings) == 1 - len(left)


def test_a_blocking_output_pattern_without_bound_is_a_warning(write):
    """The author is told when the beginning of a match may be released; a flagging rule has nothing to release."""
    tests = '{match: ["a-b"], no_match: ["a"]}'
    unbound = {"match": "{regex: 'a.*b'}", "tests": tests, "target": "output"}
    rules = changed(id="x", **unbound) + changed(id="y", **unbound | {"action": "flag"})
    (warning,) = load(write(a_yaml=rules), hold_back=99).warnings
    assert warning == (
        "a.yaml: x: 'a.*b' has no bound: when a match takes more than 99 characters, its beginning is released "
        "before it is found"
    )


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (changed(colour="red"), "a.yaml:8: one: colour: unknown field; known: id, title, level"),
        (changed(title=None), "a.yaml:1: one: title: this field is missing"),
        (changed(tests=None), "a.yaml:1: one: tests: this field is missing"),
        (changed(level="mild"), "a.yaml:7: one: level: Invalid enum value 'mild'"),
        (changed(id="'a b'"), "a.yaml:1: a b: id: Expected `str` matching regex"),
        (changed(id="7"), "a.yaml:1: id: Expected `str`, got `int`"),
        (changed(match="{}"), "a.yaml:7: one: match: at least one of 'any', 'any_file' and 'regex' was expected"),
        (changed(match="{any: [], anyy: x}"), "a.yaml:7: one: match: Object contains unknown field `anyy`"),
        (changed(match="{any: x}"), "a.yaml:7: one: match.any: Expected `array`, got `str`"),
        (
            changed(match="{any: ['\\u200b']}").replace("'\\u200b'", '"\\u200b"'),
            "one: match.any: '\\u200b' has no visible",
        ),
        (changed(match="{any_file: x.txt}"), "one: match.any_file: 'x.txt': cannot be read: No such file"),
        (changed(match="{any_file: ../a.yaml}"), "one: match.any_file: '../a.yaml' is outside the folder 'data'"),
        (changed(match="{regex: 'a('}"), "a.yaml:7: one: match.regex: 'a(': a '(' that nothing closes (character 2)"),
        (changed(match="{regex: ['a', 'b*']}"), "one: match.regex: 'b*': it can match the empty text"),
        (changed(match="{regex: 'a(?=b)'}", target="output"), "an output rule can neither look around nor refer back"),
        (
            changed(match="{regex: '(?:[ab]{1,400}c){1,40}d.{300}'}"),
            "one: match.regex: '(?:[ab]{1,400}c){1,40}d.{300}': hyper",
        ),
        (changed(tests="{match: [x], no_match: [y]}"), "a.yaml:7: one: tests.match: 'x' does not match"),
        (
            changed(tests="{match: [ignore all previous], no_match: [ignore all previous]}"),
            "a.yaml:7: one: tests.no_match: 'ignore all previous' matches",
        ),
        (changed(tests="{match: [], no_match: [y]}"), "one: tests.match: Expected `array` of length >= 1"),
        (changed(tests="{match: [x]}"), "one: tests: Object missing required field `no_match`"),
        (changed(expires="soon"), "one: expires: Invalid RFC3339"),
        (changed(title="a\n  title: b"), "a.yaml:8: one: title: this key stands twice"),
        (changed(match="{any: [a], any: [b]}"), "a.yaml:7: one: match.any: this key stands twice"),
        ("- id: x\n  title: [", "a.yaml:3: bad YAML: "),
        ("a: b\n", "a.yaml:1: a list of rules was expected"),
        ("- just text\n", "a.yaml:1: a rule was expected"),
        ("- {[1, 2]: x}\n", "a.yaml:1: a key must be a plain word"),
        ("- id: !!python/object:os.system x\n", "bad YAML: could not determine a constructor"),
        ("- &a [*a]\n", "a.yaml:1: a rule was expected"),
        ("- id: one\n  date: 2025-02-31\n", "a.yaml:1: bad YAML: day is out of range for month"),
        ("[" * 50, "a.yaml: bad YAML: more than 16 levels deep at line 1"),
        ("- " * 50, "a.yaml: bad YAML: more than 16 levels deep at line 1"),
        # Of these the reader itself may have had enough first.
        ("[" * 100_000, "bad YAML: "),
        ("- " * 100_000, "bad YAML: "),
        ("- id: \x01\n", "bad YAML: "),
        (GOOD + GOOD, "a.yaml:10: one: id: this id is taken by the rule at a.yaml:2"),
    ],
)
def test_a_mistake_names_file_line_rule_field_and_why(write, content, expected):
    """Whatever is wrong with a rule, its author can find the place."""
    with pytest.raises(BundleError) as error:
        load(write(a_yaml=content))
    assert any(expected in str(problem) for problem in error.value.errors), str(error.value)


def test_every_mistake_is_reported_at_once(write):
    """Mistakes in several fields, rules and files come together, and good rules do not hide them."""
    files = {"a_yaml": GOOD + changed(id="two", level="mild", colour="red"), "b_yaml": "a: b", "c_yaml": LEAK}
    with pytest.raises(BundleError) as error:
        load(write(**files))
    assert [(problem.file, problem.rule, problem.field) for problem in error.value.errors] == [
        ("a.yaml", "two", "colour"),
        ("a.yaml", "two", "level"),
        ("b.yaml", "", ""),
        ("c.yaml", "leak", "match.any_file"),
    ]


def test_a_folder_that_does_not_exist_is_an_error(tmp_path):
    """A wrong path is never taken for an empty bundle."""
    with pytest.raises(BundleError, match="does not exist"):
        load(tmp_path / "none")


def test_strange_files_are_errors(tmp_path):
    """What is not a regular UTF-8 file is named, and nothing hangs on it."""
    (tmp_path / "a.yaml").write_bytes(b"- id: \xff")
    (tmp_path / "b.yaml").mkdir()
    os.mkfifo(tmp_path / "c.yaml")
    with pytest.raises(BundleError) as error:
        load(tmp_path)
    assert [str(problem) for problem in error.value.errors] == [
        "a.yaml: not UTF-8 at byte 6",
        "b.yaml: not a regular file",
        "c.yaml: not a regular file",
    ]


def test_a_thousand_rules_load_quickly(write):
    """Reading, compiling and trying 1,050 rules stays within the time an operator waits for."""
    rules = [
        changed(id=f"r{n}", match=f"{{any: ['phrase {n} x']}}", tests=f"{{match: ['phrase {n} x'], no_match: [y]}}")
        for n in range(1000)
    ]
    rules += [
        changed(id=f"x{n}", match=f"{{regex: 'a\\s+{n}x'}}", tests=f"{{match: ['a {n}x'], no_match: [y]}}")
        for n in range(50)
    ]
    folder = write(a_yaml="".join(rules))
    began = monotonic()
    assert len(load(folder).rules) == 1050
    assert monotonic() - began < 5


def test_without_hyperscan_everything_but_hyperscan_works():
    """The package imports and loads rules where hyperscan is not installed."""
    program = (
        "import sys; sys.modules['hyperscan'] = None\nfrom guard.ruleset.bundle import load\nprint(load(None).engine)"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout == "portable\n"
