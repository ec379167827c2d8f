import re
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guard.ruleset.characters import SPACE, complement
from guard.ruleset.parser import PatternError, parse
from guard.ruleset.syntax import Again, At, Choice, Group, Look, One, Repeat, Sequence, Text

NOT_NEWLINE = One(complement(((10, 10),)))


@pytest.mark.parametrize(
    ("source", "tree"),
    [
        ("Ignore", Text("ignore")),
        ("straße", Text("strasse")),
        ("e\u0301", Text("é")),
        ("ab+", Sequence((Text("a"), Repeat(Text("b"), 1, None)))),
        ("a|b", Choice((Text("a"), Text("b")))),
        ("(a)", Group(Text("a"), 1)),
        ("(?P<x>a)(?P=x)", Sequence((Group(Text("a"), 1), Again(1)))),
        ("(?<x>a)\\k<x>", Sequence((Group(Text("a"), 1), Again(1)))),
        ("(a)\\1", Sequence((Group(Text("a"), 1), Again(1)))),
        ("a{2,3}?", Repeat(Text("a"), 2, 3)),
        ("a{2}", Repeat(Text("a"), 2, 2)),
        ("a{2,}", Repeat(Text("a"), 2, None)),
        ("a{x}", Text("a{x}")),
        ("{", Text("{")),
        (".", NOT_NEWLINE),
        ("(?s).", One(((0, 0x10FFFF),))),
        ("(?i)A", Text("a")),
        ("^a$", Sequence((At("start"), Text("a"), At("end")))),
        ("\\Aa\\Z", Sequence((At("start"), Text("a"), At("end")))),
        ("\\ba\\B", Sequence((At("boundary"), Text("a"), At("inside")))),
        ("\\s", One(SPACE)),
        ("[A-B]", One(((65, 66), (97, 98)))),
        ("[]a-]", One(((45, 45), (93, 93), (97, 97)))),
        ("[^\\S\\n]", One(((9, 9), (11, 13), (32, 32)))),
        ("\\x41\\u0042\\x{43}\\.", Text("abc.")),
        ("(?=a)b", Sequence((Look(Text("a"), True, False), Text("b")))),
        ("(?<!a)b", Sequence((Look(Text("a"), False, True), Text("b")))),
        ("a\u200bb", Text("ab")),
    ],
)
def test_reads_the_dialect(source, tree):
    """Each construct of the dialect becomes its tree, with letters normalised."""
    assert parse(source) == tree


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("(", "a '(' that nothing closes (character 1)"),
        ("a)", "a ')' that nothing opens (character 2)"),
        ("a[b", "a '[' that nothing closes (character 2)"),
        ("[a", "a '[' that nothing closes (character 1)"),
        ("*a", "nothing to repeat before the quantifier (character 1)"),
        ("^*", "nothing to repeat before the quantifier (character 1)"),
        ("a**", "a quantifier after a quantifier (character 4)"),
        ("a++", "possessive quantifiers are not supported (character 3)"),
        ("a{2,1}", "a repeat whose bounds are the wrong way round (character 2)"),
        ("a{5000}", "a repeat of more than 4096 (character 2)"),
        ("a{,3}", "write {0,n} for {,n} (character 2)"),
        ("[b-a]", "a range whose ends are the wrong way round or not single characters (character 1)"),
        ("[a-\\d]", "a range whose ends are the wrong way round or not single characters (character 1)"),
        ("[[:alpha:]]", "named sets such as [[:alpha:]] are not supported (character 2)"),
        ("[^\\s\\S]", "a set that no character is in (character 1)"),
        ("\\p{L}", "'\\p' is not supported (character 1)"),
        ("[\\b]", "'\\b' is not supported (character 2)"),
        ("\\", "a '\\' at the end (character 1)"),
        ("\\xZZ", "a character number needs hexadecimal digits, at most 10ffff (character 1)"),
        ("\\x{110000}", "a character number needs hexadecimal digits, at most 10ffff (character 1)"),
        ("\\1", "a reference to group '1', which is not complete before it (character 3)"),
        ("(a\\1)", "a reference to group '1', which is not complete before it (character 5)"),
        ("(?P<1>a)", "a group's name is letters, digits and '_' (character 5)"),
        ("(?>a)", "this kind of group is not supported (flags may stand only at the very beginning) (character 1)"),
        ("a(?i)b", "this kind of group is not supported (flags may stand only at the very beginning) (character 2)"),
        ("(?m)a", "this kind of group is not supported (flags may stand only at the very beginning) (character 1)"),
        ("a^b", "'^' after something else can never match (character 2)"),
        ("(" * 60, "more than 50 groups within groups (character 51)"),
        ("a" * 9000, "longer than 8192 characters"),
    ],
)
def test_refuses_what_is_not_in_the_dialect(source, why):
    """Each mistake is named, with the character where it stands."""
    with pytest.raises(PatternError, match=f"^{re.escape(why)}$"):
        parse(source)


@given(st.text(st.sampled_from("ab()[]{}|*+?\\^$.,12dwsx-:=!<P>ké"), max_size=20))
def test_any_text_is_read_or_refused(source):
    """No text makes the parser fail in any other way than by refusing it."""
    with suppress(PatternError):
        parse(source)
