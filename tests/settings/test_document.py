"""YAML text as values with lines."""

import re

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from guard.settings.document import parse
from guard.settings.problem import Report, SettingsError

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**62), 2**62) | st.text("abc xyzäß", max_size=9),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text("abcd", min_size=1, max_size=3), inner, max_size=4)
    ),
    max_leaves=20,
)


def read(text: str) -> tuple[object, list[str]]:
    """The value of a text, and what is wrong with it."""
    report = Report("f")
    value = parse(text, report)
    return value, [str(problem) for problem in report.problems]


@given(PLAIN)
def test_plain_values_come_back(value):
    """What YAML writes of plain values is read as the same values, with no problem."""
    assert read(yaml.safe_dump(value, allow_unicode=True)) == (value, [])


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: yes", {"a": "yes"}),
        ("a: off", {"a": "off"}),
        ("a: 1:30", {"a": "1:30"}),
        ("a: 2026-11-23", {"a": "2026-11-23"}),
        ("a: 010", {"a": 10}),
        ("a: 0x1f", {"a": 31}),
        ("a: 1e3", {"a": 1000.0}),
        ("a: ~", {"a": None}),
        ("a:", {"a": None}),
        ("a: '7'", {"a": "7"}),
        ("2: x", {"2": "x"}),
        ("a: .inf", {"a": ".inf"}),
        ("\ufeffa: 1", {"a": 1}),
    ],
)
def test_scalars_are_those_of_the_core_schema(text, value):
    """Words stay words, numbers are decimal unless they say otherwise, keys are text."""
    assert read(text) == (value, [])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: 1\nb: 2\na: 3", "f:3: a: the key a stands here twice, first on line 1"),
        ("x:\n  a: 1\n  a: 3", "f:3: x.a: the key a stands here twice, first on line 2"),
        ("a: !!python/name:os.system x", "f:1: a: it carries a tag"),
        ("a: !!set {b}", "f:1: a: it carries a tag"),
        ("a: !!binary aGk=", "f:1: a: it carries a tag"),
        ("? [a, b]\n: 1", "f:1: a key is a list or a mapping"),
        ('a: "x\\ny"', "f:1: a: it holds a line break or a control character"),
        ('a: "\\u202e"', "f:1: a: it holds a line break or a control character"),
        ("a: 99999999999999999999", "f:1: a: the number is too large"),
        ("a: " + "9" * 5000, "f:1: a: the number is too large"),
        ("a: 1e999", "f:1: a: the number is too large"),
        ("a: !!int x", "f:1: a: the number is too large"),
    ],
)
def test_what_cannot_be_used_is_told(text, told):
    """A value that cannot be used is one problem, and reading goes on."""
    _, problems = read(text)
    assert len(problems) == 1
    assert problems[0].startswith(told)


SECRET = "sk4f"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (f"models: [{SECRET}", "expected ',' or ']', but got '<stream end>'"),
        (f"models: {{{SECRET}", "expected ',' or '}', but got '<stream end>'"),
        (f"a: [{SECRET}\nb: 2", "expected ',' or ']', but got ':'"),
        (f"a: @{SECRET}", "found character '@' that cannot start any token"),
        (f"a: *{SECRET}", "found undefined alias what stands here"),
        (f"a: !{SECRET}!x 1", "found undefined tag handle what stands here"),
        (f"a: &{SECRET} 1\nb: &{SECRET} 2", "second occurrence"),
        (f"%TAG {SECRET}\n---\na", "expected '!', but found what stands here"),
        (f'a: "\\{SECRET}"', "found unknown escape character what stands here"),
        (f"a: '{SECRET}", "found unexpected end of stream"),
        (f"a: *'{SECRET}", 'expected alphabetic or numeric character, but found "\'"'),
        (f"- {SECRET}\nb: 1", "expected <block end>, but found '?'"),
    ],
)
def test_what_is_wrong_can_be_read_and_nothing_of_the_file(text, told):
    """A mistake is told with the signs that are missing, and without a word that may be part of a key."""
    with pytest.raises(SettingsError) as caught:
        read(text)
    (error,) = caught.value.errors
    assert f"this is not YAML: {told}" in str(error)
    assert SECRET not in str(error)
    assert not set(SECRET) & set(re.findall(r"'(\w)'", str(error)))


LAUGHS = "a0: &a0 [x, x, x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "f:1: the file is empty"),
        ("# only a comment\n", "f:1: the file is empty"),
        ("a: 1\n---\nb: 2\n", "f:2: this is not YAML: there is more than one document"),
        ("a: [1\nb: 2", "this is not YAML: "),
        ("a: b: c", "f:1: this is not YAML: mapping values are not allowed here"),
        ("a: *nothing", "f:1: this is not YAML: "),
        ("a: \x00", "f:1: there is a character that YAML does not allow"),
        ("[" * 1500, "f:1: this is nested too deep"),
        (LAUGHS, "aliases repeat more than 1,000 values"),
        ("a: &a [*a]", "an alias stands inside of what it names"),
        ("a: &a\n  b: *a", "a.b: an alias stands"),
    ],
)
def test_what_is_no_document_is_one_error(text, told):
    """Text that is not one YAML document, or one that never ends, is refused at once."""
    with pytest.raises(SettingsError) as caught:
        read(text)
    assert len(caught.value.errors) == 1
    assert told in str(caught.value)


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text):
    """No text makes the reader fail in any other way than its own."""
    try:
        _, problems = read(text)
    except SettingsError as error:
        problems = [str(one) for one in error.errors]
    assert all(problem.startswith("f:") for problem in problems)
