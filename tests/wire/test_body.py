import json
import re
from decimal import Decimal

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from guard.wire.body import MAX_CONTAINERS, MAX_DEPTH, BadBody, parse


def nested(depth: int, inner: bytes = b"") -> bytes:
    """So many lists, one in the other."""
    return b"[" * depth + inner + b"]" * depth


@pytest.mark.parametrize(
    ("body", "canonical"),
    [
        (b"{}", b"{}"),
        (b"[]", b"[]"),
        (b'""', b'""'),
        (b"null", b"null"),
        (b' {"a" : [1, 2.50, true]}\r\n\t', b'{"a":[1,2.5,true]}'),
        (b'{"a":1,"b":{"a":2},"c":[{"a":3},{"a":4}]}', b'{"a":1,"b":{"a":2},"c":[{"a":3},{"a":4}]}'),
        (b'"\\u00e9\\/\\ud83d\\ude00"', '"é/😀"'.encode()),
        (b'"\\u0000\\u001f\\n"', b'"\\u0000\\u001f\\n"'),
        (b'"\x7f\xc2\x80\xe2\x80\xa8"', b'"\x7f\xc2\x80\xe2\x80\xa8"'),
        (b'{"":{"":1}}', b'{"":{"":1}}'),
        (b'{"a":1,"A":2}', b'{"a":1,"A":2}'),
        (b'"[[[[{{{{\\"}"', b'"[[[[{{{{\\"}"'),
        (b"\n\r\t []", b"[]"),
        (b"[[] ]", b"[[]]"),
        (b'[null, 1, "1", {}]', b'[null,1,"1",{}]'),
        (b"[1,\n1\n,1]", b"[1,1,1]"),
        (b'["\\u0061\\u30af\\u30EA"]', '["aクリ"]'.encode()),
        (b'["\\"\\\\\\/\\b\\f\\n\\r\\t"]', b'["\\"\\\\/\\b\\f\\n\\r\\t"]'),
        (b'["\\\\u0000"]', b'["\\\\u0000"]'),
        (b'["\\uFFFF\\uFDD0\\u2028"]', '["\uffff\ufdd0\u2028"]'.encode()),
        (b'["\\uD834\\uDd1e\\uDBFF\\uDFFF"]', '["𝄞\U0010ffff"]'.encode()),
        (b'["a/*b*/c/*d//e"]', b'["a/*b*/c/*d//e"]'),
        (b'{"a" :1, "\\u0000":2}', b'{"a":1,"\\u0000":2}'),
        (b'["\xf4\x8f\xbf\xbf\xef\xbb\xbf"]', b'["\xf4\x8f\xbf\xbf\xef\xbb\xbf"]'),
        # Numbers keep their value, as a 64 bit integer or a double, and not their spelling.
        (b"[1E2,1e+2,-0.0,0.10]", b"[100.0,100.0,-0.0,0.1]"),
        (b"[0e1, 0E+1, 1e-2, 123.456e78]", b"[0.0,0.0,0.01,1.23456e+80]"),
        (b"[1, 1.0, 1e0, -0, -1]", b"[1,1.0,1.0,0,-1]"),
        (b"[18446744073709551615,-9223372036854775808]", b"[18446744073709551615,-9223372036854775808]"),
        (b"[9007199254740993, 9007199254740993.0]", b"[9007199254740993,9007199254740992.0]"),
        (b"[1e19, 18446744073709551616.0]", b"[1e+19,1.8446744073709552e+19]"),
        (b"[5e-324, 1e-400, 1.7976931348623157e308]", b"[5e-324,0.0,1.7976931348623157e+308]"),
        (b"[0.1000000000000000055511151231257827]", b"[0.1]"),
    ],
)
def test_json_has_one_canonical_form(body, canonical):
    """Strict JSON is accepted and stands in compact form."""
    document, found = parse(body)
    assert found == canonical
    assert orjson.loads(found) == document == json.loads(body)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"{",
        b"{}{}",
        b"{},",
        b"[1,]",
        b'{"a":1,}',
        b"{'a':1}",
        b"{a:1}",
        b'{"a"}',
        b"[1 2]",
        b"tru",
        b"True",
        b"NaN",
        b"[NaN]",
        b"Infinity",
        b"-Infinity",
        b"1e400",
        b"-1e400",
        b"01",
        b"+1",
        b"1.",
        b".5",
        b"0x10",
        b"1_000",
        b"-",
        b"--1",
        b"-01",
        b"- 1",
        b"1 000",
        b"1e",
        b"1e+",
        b"1.e1",
        b".1e1",
        b"1.2.3",
        b"1ea",
        b"0xA",
        b"\xef\xbc\x91",
        b"nan",
        b"-NaN",
        b"Inf",
        b"[-Infinity]",
        b"nul",
        b"[truE]",
        b"[,1]",
        b"[1,,2]",
        b"[1,",
        b"[1}",
        b"[1",
        b"[1:2]",
        b"]",
        b"[a",
        b'["a"1]',
        b'["a" "b"]',
        b'["a',
        b"['a']",
        b'{"a":1,,"b":2}',
        b'{"a" b}',
        b'{"a":}',
        b'{"a"::1}',
        b'{"a" "b":1}',
        b"{:1}",
        b"{1:1}",
        b"{null:1}",
        b'{"a":1',
        b'{"a":1}}',
        b'{"a":1}#',
        b'{"a":1}//',
        b'{"a"/**/:1}',
        b"{[:1]}",
        b'"\\"',
        b'"\\a"',
        b'"\\U0041"',
        b'"\\u 041"',
        b'"\\u00zz"',
        b'"\\uD834\\u00"',
        b'"\x1f"',
        b'"\t"',
        b"[\x0c]",
        b"[\xe2\x81\xa0]",
        b"\\u0022a\\u0022",
        b"<null>",
        b"*",
        b'"a',
        b'"\\x41"',
        b'"\\u12"',
        b'"\n"',
        b'"\x00"',
        b"// c\n{}",
        b"{}/* c */",
        b"\x0b{}",
        b"\xc2\xa0{}",
        b"\x00{}",
        b"{}\x00",
        # Not UTF-8, or not all of it.
        b"\xef\xbb\xbf{}",
        b'"\xff"',
        b'"\xc0\xaf"',
        b'"\xf4\x90\x80\x80"',
        b'"\xed\xa0\x80"',
        "{}".encode("utf-16"),
        "{}".encode("utf-16-le"),
        "{}".encode("utf-32"),
        # Halves of surrogate pairs.
        b'"\\ud800"',
        b'"\\udc00"',
        b'"\\ud800\\u0041"',
        b'"\\udc00\\ud800"',
        b'{"\\ud800":1}',
    ],
)
def test_anything_else_is_refused(body):
    """What RFC 8259 does not allow, or what two parsers could read differently, is no body."""
    with pytest.raises(BadBody, match="not valid JSON"):
        parse(body)


@pytest.mark.parametrize(
    ("body", "key"),
    [
        (b'{"a":1,"a":1}', "a"),
        (b'{"a":1,"b":2,"a":3}', "a"),
        (b'{"a":1, "\\u0061":2}', "a"),
        (b'{"\\u0061":1,"\\u0061":2}', "a"),
        (b'{"":1,"":2}', ""),
        (b'{"x/y":1,"x\\/y":2}', "x/y"),
        ('{"é":1,"\\u00e9":2}'.encode(), "é"),
        ('{"😀":1,"\\ud83d\\ude00":2}'.encode(), "😀"),
        (b'{"a":{"b":[1,{"c":1,"c":2}]}}', "c"),
        (b'[[[{"a":{},"a":{}}]]]', "a"),
        (b'{"messages":[{"role":"user","content":"good","content":"bad"}]}', "content"),
        (nested(MAX_DEPTH - 1, b'{"a":1,"a":2}'), "a"),
        # Escapes of every kind, upper and lower case.
        (b'{"/":1,"\\u002f":2}', "/"),
        (b'{"/":1,"\\u002F":2}', "/"),
        (b'{"\\/":1,"\\u002f":2}', "/"),
        (b'{"\\n":1,"\\u000a":2}', "\n"),
        (b'{"\\"":1,"\\u0022":2}', '"'),
        (b'{"\\\\":1,"\\u005c":2}', "\\"),
        (b'{"\\b\\f\\r\\t":1,"\\u0008\\u000C\\u000d\\u0009":2}', "\b\f\r\t"),
        (b'{"\\u0000":1,"\\u0000":2}', "\0"),
        (b'{"ab":1,"\\u0061b":2,"a\\u0062":3}', "ab"),
        # Beside strings that look like members, and in every place.
        (b'{":":1,"\\u003a":2}', ":"),
        (b'{"a":":\\":","a":"\\\\"}', "a"),
        (b'{"\\":":1, "\\":":"\\u003a"}', '":'),
        (b'{"a":{"b":1},"c":[[],{"d":[{"e":1,"f":2,"e":3}]}]}', "e"),
        (b'[{"a":1},{"a":1},{"a":1,"b":2,"a":1}]', "a"),
        (b'{"a":[{"a":{"a":1,"a":2}}]}', "a"),
        (b'{"a":null,"a":{"b":1,"c":2}}', "a"),
        (b'{"a":{"b":1,"c":2},"a":null}', "a"),
    ],
)  # fmt: skip
def test_a_key_stands_once(body, key):
    """Two equal keys in one object are refused at any depth, however they are escaped."""
    with pytest.raises(BadBody, match=f"^the key {re.escape(repr(key))} stands twice in one object$"):
        parse(body)


def test_a_long_duplicate_is_shortened():
    """The message does not repeat more of a key than is needed to find it."""
    key = b"k" * 10_000
    with pytest.raises(BadBody) as error:
        parse(b'{"%b":1,"%b":2}' % (key, key))
    assert len(str(error.value)) < 200


@pytest.mark.parametrize("inner", [b"", b"1", b'"[{"', b"{}", b'{"a":[]}'])
@pytest.mark.parametrize("spaces", [b"", b" "])
def test_depth_is_bounded(inner, spaces):
    """64 levels of objects and lists are read, 65 are refused, whatever stands in the innermost."""
    deep = inner.count(b"{}") + 2 * inner.count(b'{"a"')
    document, _ = parse(spaces + nested(MAX_DEPTH - deep, inner))
    assert document
    with pytest.raises(BadBody, match="deeper than 64"):
        parse(spaces + nested(MAX_DEPTH - deep + 1, inner))


@pytest.mark.parametrize("depth", [1_000, 1_024, 1_025, 100_000])
@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
def test_absurd_depth_is_refused(depth, opening):
    """Nesting that no parser survives is refused like any other, closed or not."""
    for body in (opening * depth, opening * depth + b"1" + (b"]" if opening == b"[" else b"}") * depth):
        with pytest.raises(BadBody):
            parse(body)


def test_containers_are_bounded():
    """Half a million arrays and objects are read; more, of any kind, are refused, unless they are text."""
    for unit in (b"[]", b"{}"):
        most = b"[" + b",".join([unit] * (MAX_CONTAINERS - 1)) + b"]"
        assert parse(most)[1] == most
        with pytest.raises(BadBody, match="more than 500000 arrays and objects"):
            parse(b"[" + most + b"]")
    text = b'["%b\\"", ":"]' % (b"[{" * MAX_CONTAINERS)
    assert len(parse(text)[1]) == len(text) - 1


def test_many_brackets_are_not_depth():
    """A wide document, and brackets in a string, are not deep."""
    wide = b"[" + b",".join([b'{"a":[]}'] * 500) + b"]"
    assert parse(wide)[1] == wide
    text = b'"%b"' % (b"[{" * 500)
    assert parse(text)[1] == text


@pytest.mark.parametrize(
    "integer",
    [b"18446744073709551616", b"-9223372036854775809", b"-18446744073709551616", b"9" * 20, b"-" + b"1" * 300],
)
@pytest.mark.parametrize("form", [b"%b", b"[%b]", b'{"a": [{"seed":%b }]}'])
def test_integers_beyond_64_bits_are_refused(integer, form):
    """Servers read them exactly, or round them, or wrap them around: no value of theirs would be the client's."""
    with pytest.raises(
        BadBody, match=f"^an integer does not fit into 64 bits: {integer[:24].decode()}; send it as a string$"
    ):
        parse(form % integer)


@pytest.mark.parametrize("digits", [400, 5_000, 100_000])
def test_numbers_beyond_doubles_are_refused(digits):
    """There is no value for them, and they are not slow to refuse."""
    for body in (b'{"n": %b}' % (b"9" * digits), b'{"n": 1e%b}' % (b"9" * digits)):
        with pytest.raises(BadBody):
            parse(body)


def test_many_digits_are_no_integer():
    """Strings and fractions of any length are not taken for integers that are too big."""
    digits = "1234567890" * 30
    body = f'["{digits}", "\\"{digits}", 0.{digits}, 1.{digits}e5, 1234567890123456789]'.encode()
    document, canonical = parse(body)
    assert document == json.loads(body)
    assert orjson.loads(canonical) == document


def test_long_fractions_are_read():
    """Digits beyond a double's are dropped from the number that goes on."""
    document, canonical = parse(b'{"n": 0.1%b}' % (b"0" * 5_000 + b"1"))
    assert (document, canonical) == ({"n": 0.1}, b'{"n":0.1}')


DOCUMENTS = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner, max_size=5)
    | st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=8), inner, max_size=5),
    max_leaves=20,
)  # fmt: skip


@given(DOCUMENTS, st.booleans(), st.sampled_from([None, 0, 3]), st.booleans())
def test_every_serialisation_has_the_same_canonical_form(document, ascii_only, indent, sort):
    """However a document is written, what is forwarded is one form of it, and equal to it."""
    written = json.dumps(document, ensure_ascii=ascii_only, indent=indent, sort_keys=sort).encode()
    parsed, canonical = parse(written)
    assert parsed == document
    assert orjson.loads(canonical) == document
    assert parse(canonical) == (parsed, canonical)


def same(one, other):
    """Equal, and of the same types: JSON tells 1 from true and from 1.0."""
    if isinstance(one, dict):
        return isinstance(other, dict) and list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return isinstance(other, list) and len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and repr(one) == repr(other)


@given(DOCUMENTS)
def test_the_fast_path_is_exact(document):
    """Compact bytes are given on untouched, and stand for exactly what was parsed from them."""
    body = orjson.dumps(document)
    parsed, canonical = parse(body)
    assert canonical is body
    assert same(parsed, json.loads(body))


@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=6), DOCUMENTS, DOCUMENTS, st.integers(0, 5))
def test_duplicates_are_found_anywhere(key, one, other, depth):
    """Any key that stands twice is found, one of the two being escaped character by character."""
    escaped = "".join(f"\\u{unit:04x}" for unit in key.encode("utf-16-be").hex(" ", 2).split() and _units(key))
    inner = f'{{{json.dumps(key)}: {json.dumps(one)}, "{escaped}": {json.dumps(other)}}}'
    with pytest.raises(BadBody, match="stands twice"):
        parse(('[{"x": ' * depth + inner + "}]" * depth).encode())


def _units(text: str) -> list[int]:
    data = text.encode("utf-16-be")
    return [int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data), 2)]


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**30), max_value=10**30))
def test_fractions_keep_their_value(number: Decimal):
    """A fraction that is forwarded is the nearest double of the one that was sent (RFC 8259, section 6)."""
    document, canonical = parse(b"[%be0 ]" % format(number, "f").encode())
    assert document == [float(number)]
    assert orjson.loads(canonical) == document


@given(st.integers(-(2**70), 2**70) | st.integers(2**64 - 9, 2**64 + 9) | st.integers(-(2**63) - 9, -(2**63) + 9))
def test_integers_keep_their_value(number):
    """An integer is forwarded exactly, or refused."""
    try:
        document, canonical = parse(b"[%d ]" % number)
    except BadBody:
        assert not -(2**63) <= number < 2**64
    else:
        assert (document, canonical) == ([number], b"[%d]" % number)


def compressed(text):
    """The JSON of a text, with some of its characters escaped by the rule that every character may be."""
    return "".join(
        f"\\u{ord(char):04x}" if ord(char) % 3 == 0 and char < "\U00010000" else json.dumps(char)[1:-1] for char in text
    )


TRICKY = st.text('":\\,{}[]a \n', max_size=5)
OBJECTS = st.recursive(
    TRICKY.map(lambda text: f'"{compressed(text)}"') | st.just("1"),
    lambda inner: st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]")
    | st.lists(st.tuples(TRICKY, inner), max_size=3).map(
        lambda members: "{" + ",".join(f'"{compressed(key)}" : {value}' for key, value in members) + "}"
    ),
    max_leaves=12,
)  # fmt: skip


@given(OBJECTS)
def test_duplicates_are_what_the_slow_way_finds(text):
    """Counting members finds what comparing all keys finds, also among strings full of quotes, colons and escapes."""
    duplicates = []

    def keep(pairs):
        duplicates.append(len({key for key, _ in pairs}) < len(pairs))
        return dict(pairs)

    document = json.loads(text, object_pairs_hook=keep)
    try:
        assert parse(text.encode())[0] == document
        refused = False
    except BadBody:
        refused = True
    assert refused == any(duplicates)


@pytest.mark.parametrize(
    "coding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"]
)
def test_another_coding_is_called_so(coding):
    """The message says what to send instead (RFC 8259, section 8.1)."""
    with pytest.raises(BadBody, match=r"byte order mark|UTF-16"):
        parse('{"a":1}'.encode(coding))


@given(st.binary(max_size=60) | st.text(max_size=30).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_no_bytes_break_it(body):
    """Any bytes are a document with its canonical form, or `BadBody`."""
    try:
        document, canonical = parse(body)
    except BadBody:
        return
    assert orjson.loads(canonical) == document
