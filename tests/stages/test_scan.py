from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guard.formats.base import Output
from guard.refusal import Refusal
from guard.stages.scan import MAX_CHANNELS, MAX_HELD_BYTES, HeldTooMuch, StreamScan, scan_whole
from tests.support.values import exchange, policy

RULES = """
- id: out-literal
  title: Blocks words
  level: high
  target: output
  match: {any: ["secret token", "launch code"]}
  action: block
  tests: {match: ["a secret token"], no_match: ["a token"]}
- id: out-regex
  title: Blocks numbers
  level: high
  target: output
  match: {regex: 'zq[0-9]{6}'}
  action: block
  tests: {match: ["zq123456"], no_match: ["zq12345"]}
- id: out-shadow
  title: Only watches
  level: low
  target: output
  match: {any: ["watched phrase"]}
  action: block
  mode: shadow
  tests: {match: ["a watched phrase"], no_match: ["a phrase"]}
- id: out-flag
  title: Flags
  level: low
  target: output
  match: {regex: 'odd\\s+words'}
  action: flag
  tests: {match: ["odd  words"], no_match: ["words"]}
"""
SHIPPED = Path(__file__).parents[2] / "rules"


@pytest.fixture(scope="module")
def rules(tmp_path_factory):
    """A policy with the rules above."""
    folder = tmp_path_factory.mktemp("rules")
    (folder / "10-test.yaml").write_text(RULES)
    return policy(folder)


@pytest.fixture(scope="module")
def shipped():
    """A policy with the rules that come with the guard."""
    return policy(SHIPPED)


class Reader:
    """The client's end of a scan: what was released, and whether the answer was refused."""

    def __init__(self, policy) -> None:
        self.exchange = exchange(policy)
        self.scan = StreamScan(self.exchange)
        self.got = b""
        self.refused = False

    def feed(self, raw: bytes, *deltas: tuple[str, str]) -> None:
        if not self.refused:
            try:
                self.got += self.scan.feed(raw, list(deltas))
            except Refusal:
                self.refused = True

    def close(self) -> None:
        if not self.refused:
            try:
                self.got += self.scan.close()
            except Refusal:
                self.refused = True

    @property
    def found(self) -> set[str]:
        return {finding["rule"] for finding in self.exchange.findings}


def said(policy, *pieces: str) -> Reader:
    """A text said on one channel in these pieces, each of which is its own raw bytes."""
    reader = Reader(policy)
    for piece in pieces:
        reader.feed(piece.encode(), ("c", piece))
    reader.close()
    return reader


def halves(text: str) -> list[tuple[str, str]]:
    """Every way to cut a text in two."""
    return [(text[:at], text[at:]) for at in range(len(text) + 1)]


# Text, where the blocked match in it begins (None: it is let through), and the rules found.
TEXTS = [
    ("nothing to see here", None, set()),
    ("this is a secret token, is it not", 10, {"out-literal"}),
    ("secret token", 0, {"out-literal"}),
    ("the SECRET\u200b TOKEN of all", 4, {"out-literal"}),
    ("the \uff53ecret token of all", 4, {"out-literal"}),
    ("a secret, secret token", 10, {"out-literal"}),
    ("and then zq123456 came", 9, {"out-regex"}),
    ("zqzqzq123456", 4, {"out-regex"}),
    ("zq12345 is too short", None, set()),
    ("a watched phrase and odd \n words pass", None, {"out-shadow", "out-flag"}),
    ("a secret toke", None, set()),
    ("launch codes are codes for launches: launch code", 0, {"out-literal"}),
]


@pytest.mark.parametrize(("text", "start", "found"), TEXTS)
def test_cutting_a_text_changes_nothing(rules, text, start, found):
    """In one piece, in any two, or in single characters: one verdict, and nothing of a blocked match is released."""
    for pieces in [(text,), *halves(text), tuple(text)]:
        reader = said(rules, *pieces)
        assert reader.refused is (start is not None)
        assert found <= reader.found if reader.refused else reader.found == found
        if start is None:
            assert reader.got == text.encode()
        else:
            assert text[:start].encode().startswith(reader.got)


@given(st.data())
def test_cutting_a_text_anywhere_changes_nothing(rules, data):
    """The same for any pieces of any of the texts, put together."""
    parts = data.draw(st.lists(st.sampled_from(TEXTS), min_size=1, max_size=4))
    text = "; ".join(part for part, _, _ in parts)
    places = sorted(data.draw(st.sets(st.integers(0, len(text)), max_size=12)))
    pieces = [text[begin:end] for begin, end in zip([0, *places], [*places, len(text)], strict=True)]
    reader = said(rules, *pieces)
    starts = []
    at = 0
    for part, start, _ in parts:
        starts += [at + start] if start is not None else []
        at += len(part) + 2
    assert reader.refused is bool(starts)
    if starts:
        assert text[: starts[0]].encode().startswith(reader.got)
    else:
        assert reader.got == text.encode()


@pytest.mark.parametrize(("text", "start", "found"), TEXTS)
def test_a_whole_answer_has_the_verdict_of_its_stream(rules, text, start, found):
    """An answer that does not stream is judged by the same rules, wherever in it the text is."""
    for output in (Output([text], [], None, None), Output(["x"], [text], None, None)):
        one = exchange(rules)
        if start is None:
            scan_whole(one, output)
        else:
            with pytest.raises(Refusal):
                scan_whole(one, output)
        assert {finding["rule"] for finding in one.findings} == found
        assert all(finding["target"] == "output" for finding in one.findings)


def test_findings_are_noted_once(rules):
    """A rule that matches again and again is one finding, with its mode and action."""
    reader = said(rules, "odd words, ", "odd words, watched phrase, ", "odd words, watched phrase")
    assert sorted(reader.exchange.findings, key=str) == [
        {"rule": "out-flag", "target": "output", "mode": "enforce", "action": "flag"},
        {"rule": "out-shadow", "target": "output", "mode": "shadow", "action": "block"},
    ]


def test_a_finding_in_the_prompt_is_another_finding(rules):
    """A rule noted for the prompt is noted for the output all the same."""
    reader = Reader(rules)
    reader.exchange.note("out-flag", "prompt", "enforce", "flag")
    reader.feed(b"x", ("c", "odd words."))
    assert [finding["target"] for finding in reader.exchange.findings] == ["prompt", "output"]


def test_pieces_keep_their_order(rules):
    """A piece that could go is kept behind one that cannot, and all come out as they came in."""
    reader = Reader(rules)
    reader.feed(b"1", ("c", "fine. "))
    assert reader.got == b"1"
    reader.feed(b"2", ("c", "a secret tok"))
    reader.feed(b"3")
    reader.feed(b"4", ("d", "fine"))
    reader.feed(b"5", ("=x", "fine"))
    assert reader.got == b"1"
    reader.feed(b"6", ("c", ". "))
    assert reader.got == b"123456"
    reader.close()
    assert reader.got == b"123456"


def test_channels_are_texts_of_their_own(rules):
    """What is said on two channels is not put together, and each is followed to its end."""
    reader = Reader(rules)
    for piece, (one, other) in enumerate([("a secret", "to"), (" ", "k"), ("garden", "en")]):
        reader.feed(b"%d" % piece, ("c", one), ("d", other))
    reader.close()
    assert not reader.refused
    assert reader.got == b"012"
    reader = Reader(rules)
    for piece, (one, other) in enumerate([("a secret", "x"), (" tok", "secret"), ("x", " toke"), ("x", "n")]):
        reader.feed(b"%d" % piece, ("c", one), ("d", other))
    reader.close()
    assert reader.refused
    assert reader.got == b"0"


def test_a_piece_waits_for_all_its_channels(rules):
    """Bytes that carry text of two channels go when both allow it."""
    reader = Reader(rules)
    reader.feed(b"1", ("c", "sec"), ("d", "launch"))
    reader.feed(b"2", ("c", "ond"))
    assert reader.got == b""
    reader.feed(b"3", ("d", " pad"))
    assert reader.got == b"123"


@pytest.mark.parametrize("channel", ["=", "=x"])
def test_texts_that_are_whole_in_themselves(rules, channel):
    """On such a channel each text is matched alone, holds nothing back, and blocks when it matches."""
    reader = Reader(rules)
    reader.feed(b"1", (channel, "a secret"))
    reader.feed(b"2", (channel, " token"))
    assert reader.got == b"12"
    reader.feed(b"3", (channel, "odd words"))
    assert reader.found == {"out-flag"}
    reader.feed(b"4", (channel, "the secret token"))
    assert reader.refused
    assert reader.got == b"123"


def test_a_match_at_the_very_end(tmp_path):
    """What only the end of the text makes a match is refused at the end, with its bytes unreleased."""
    one = RULES.split("- id: out-regex")[0].replace('any: ["secret token", "launch code"]', "regex: 'token$'")
    (tmp_path / "10-end.yaml").write_text(one.replace('["a token"]', '["a token."]'))
    reader = Reader(policy(tmp_path))
    reader.feed(b"1", ("c", "a "))
    reader.feed(b"2", ("c", "token"))
    assert not reader.refused
    reader.close()
    assert reader.refused
    assert reader.got == b"1"


def test_without_rules_everything_passes_at_once():
    """Where there is nothing to look for nothing is held."""
    reader = Reader(policy())
    for number in range(3):
        reader.feed(b"%d" % number, ("c", "secret"))
        assert len(reader.got) == number + 1
    reader.close()
    assert reader.got == b"012"


def test_flags_hold_nothing_back(tmp_path):
    """A rule that does not block does not delay."""
    (tmp_path / "10-flag.yaml").write_text("- id: out-flag" + RULES.split("- id: out-flag")[1])
    reader = Reader(policy(tmp_path))
    for number, text in enumerate(["odd", " ", "words", "."]):
        reader.feed(b"%d" % number, ("c", text))
        assert len(reader.got) == number + 1
    assert reader.found == {"out-flag"}


def test_channels_are_bounded(rules):
    """A model cannot make the guard follow any number of texts."""
    scan = StreamScan(exchange(rules))
    for number in range(MAX_CHANNELS):
        scan.feed(b"x", [(f"c{number}", "a")])
    scan.feed(b"x", [("c0", "b")])
    with pytest.raises(HeldTooMuch, match="more than 1024 channels"):
        scan.feed(b"x", [("one more", "a")])


def test_held_bytes_are_bounded(rules):
    """A model cannot make the guard keep any amount: bytes that wait for a text to go on end the answer at a bound."""
    scan = StreamScan(exchange(rules))
    assert scan.feed(b"x" * 100, [("c", "a secret")]) == b""
    for _ in range(MAX_HELD_BYTES // 1_000):
        assert scan.feed(b"x" * 1_000, [("d", "b")]) == b""
    with pytest.raises(HeldTooMuch, match=f"more than {MAX_HELD_BYTES} bytes"):
        scan.feed(b"x" * 1_000, [("d", "b")])


def test_long_answers_are_released_as_they_come(rules):
    """Text in which no match can begin is not collected."""
    reader = Reader(rules)
    for number in range(3_000):
        reader.feed(b"0123456789", ("c", "plain words and no more. "))
        assert len(reader.got) >= number * 10
    reader.close()
    assert len(reader.got) == 30_000


def test_every_shipped_output_rule_holds_on_a_stream(shipped):
    """Each example of each rule that blocks outputs is refused however it is cut in two, its first bytes unreleased."""
    rules = [rule for rule in shipped.rules.output.rules if rule.blocks]
    assert rules
    for rule in rules:
        for case in rule.tests.match:
            text = f"Well: {case}"
            end = next(at for at in range(len(text) + 1) if at == len(text) or blocks(shipped, text[:at]))
            start = max(at for at in range(end) if blocks(shipped, "." * at + text[at:end]))
            for first, second in halves(text):
                reader = said(shipped, first, second)
                assert reader.refused, (rule.id, first)
                assert len(reader.got.decode()) <= start, (rule.id, first)


def blocks(policy, text: str) -> bool:
    """Whether a whole text is blocked."""
    return any(rule.blocks for rule in policy.rules.output.scan(text))


def test_no_shipped_rule_changes_what_it_should_not_match(shipped):
    """Each example that a rule must not match, and that no other blocks, arrives whole, however it is cut."""
    for rule in shipped.rules.output.rules:
        for case in rule.tests.no_match:
            if not blocks(shipped, case):
                for pieces in (*halves(case), tuple(case)):
                    reader = said(shipped, *pieces)
                    assert reader.got == case.encode()
                    assert rule.id not in reader.found


def test_a_text_that_ends_is_not_held_any_longer(rules):
    """What could have begun a match goes out when its channel ends, and the next text on it begins anew."""
    reader = Reader(rules)
    reader.feed(b"1", ("a", "a secret"))
    reader.feed(b"2", ("b", "launch"))
    reader.feed(b"3")
    assert (reader.got, reader.scan.held) == (b"", 3)
    reader.got += reader.scan.end("b")
    assert reader.got == b""
    reader.got += reader.scan.end("a")
    assert (reader.got, reader.scan.held) == (b"123", 0)
    reader.feed(b"4", ("a", " token"))
    assert not reader.refused
    assert reader.scan.end("never heard of") == b""


def test_a_match_at_a_texts_end_is_found_there(tmp_path):
    """What a rule looks for at the end of a text is known only when that has come."""
    (tmp_path / "10-test.yaml").write_text(RULES.replace("zq[0-9]{6}", "zq[0-9]{6}$"))
    scan = StreamScan(exchange(policy(tmp_path)))
    assert scan.feed(b"1", [("a", "zq123456")]) == b""
    with pytest.raises(Refusal):
        scan.end("a")


def test_what_is_let_go_is_matched_still(rules):
    """Held pieces may be given out before their text goes on; a match that they begin is found all the same."""
    scan = StreamScan(exchange(rules))
    assert scan.feed(b"1", [("a", "a secret")]) == b""
    assert scan.let_go() == b"1"
    assert scan.held == 0
    with pytest.raises(Refusal):
        scan.feed(b"2", [("a", " token, and more")])


def test_ended_texts_leave_nothing_behind(rules):
    """Any number of texts can come one after the other."""
    scan = StreamScan(exchange(rules))
    for number in range(MAX_CHANNELS * 2):
        assert scan.feed(b"x", [(str(number), "a secret")]) == b""
        assert scan.end(str(number)) == b"x"
