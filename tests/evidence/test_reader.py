"""Reading journals."""

import pytest

from guard.evidence.reader import Newest, exchanges, find, tail
from tests.evidence.made import ids, mark, outcome, part, prompt, refused
from tests.support.journals import Log


def test_exchanges_come_when_they_end_and_open_ones_last(tmp_path):
    """An exchange is told at its outcome; those without one at the end, in the order they started."""
    Log(tmp_path).add(
        prompt("a", 1), prompt("b", 2), prompt("c", 3), outcome("b"), refused("d", 4), mark(5), prompt("e", 5)
    )
    assert ids(exchanges(tmp_path)) == ["b", "d", "a", "c", "e"]
    assert [one["end"] for one in exchanges(tmp_path)] == ["complete", "refused", None, None, None]


def test_exchange_may_span_segments(tmp_path):
    """The lines of one exchange may be in several segments; they are found wherever they are."""
    log = Log(tmp_path)
    log.add(prompt("a", 1), part("a", "x"))
    log.rotate()
    log.add(part("a", "y"))
    log.rotate()
    log.add(outcome("a"))
    for found in (*exchanges(tmp_path), find(tmp_path, "a"), *tail(tmp_path, 1)):
        assert found is not None
        assert (found["end"], found["output"], found["response"]["body"]) == ("complete", ["xy", "a"], "xy")


def test_records_that_were_written_again_count_once(tmp_path):
    """What stands in a failed segment at or beyond the next one's first number does not count."""
    log = Log(tmp_path)
    log.add(prompt("a", 1), part("a", "lost"), outcome("a", end="lost"))
    log.rotate(back=2, why="failure")
    log.add(part("a", "x"), outcome("a"), refused("b", 2))
    for found in (list(exchanges(tmp_path)), tail(tmp_path, 5)):
        assert sorted((one["id"], one["end"], one["output"]) for one in found) == [
            ("a", "complete", ["x", "a"]),
            ("b", "refused", ["b"]),
        ]


def test_what_a_log_does_not_hold_of_exchanges_is_passed_over(tmp_path):
    """Records of other kinds, known or not, and other logs than the workers' are not for this reader."""
    Log(tmp_path).add({"kind": "policy", "at": 1}, {"kind": "refusals", "at": 1}, {"kind": "new", "x": 1}, refused("a"))
    Log(tmp_path, "control").add({"kind": "change", "at": 1}, refused("b"))
    notes: list[str] = []
    assert ids(exchanges(tmp_path, notes.append)) == ["a"]
    assert notes == []


def test_finding(tmp_path):
    """One exchange is found by its whole id; an unknown id or a part of one finds nothing."""
    Log(tmp_path).add(prompt("a-1", 1), outcome("a-1"), prompt("b", 2, prompt=['mentions "a-1"']), outcome("b"))
    found = find(tmp_path, "a-1")
    assert found is not None
    assert found["prompt"] == ["prompt of a-1"]
    assert find(tmp_path, "a") is None
    assert find(tmp_path / "nowhere", "a-1") is None


def test_finding_looks_where_the_id_says_and_then_everywhere(tmp_path):
    """Segments of other times are not read, unless the exchange is not where its id says."""
    log = Log(tmp_path)
    right, wrong = f"{5_000_000:09x}-ab-1", f"{9_000_000_000:09x}-ab-2"
    log.add(b"damage\n", refused(wrong, 1))
    log.rotate(at=4_900)
    log.add(refused(right, 5_000))
    notes: list[str] = []
    assert find(tmp_path, right, notes.append) is not None
    assert notes == []
    assert find(tmp_path, wrong, notes.append) is not None
    assert notes == ["w1/0: a line is not a record and left out"]


@pytest.mark.parametrize("torn", [b'{"seq":9,"kind":"prom', b'{"seq":9,"kind":"outcome","id":"b"}', b"\x00" * 9])
def test_torn_last_line_is_left_out(tmp_path, torn):
    """A last line without its newline is told once and left out."""
    Log(tmp_path).add(prompt("a", 1), outcome("a"), torn)
    for read in (exchanges, lambda folder, note: tail(folder, 5, note)):
        notes: list[str] = []
        assert ids(read(tmp_path, notes.append)) == ["a"]
        assert notes == ["w1/0: its last line is unfinished and left out"]


def test_torn_bytes_before_a_next_segment_are_nothing_new(tmp_path):
    """What a crash left behind is told by the next segment's first record, and is no news for a reader."""
    log = Log(tmp_path)
    log.add(refused("a", 1), b'{"seq":3,"ki')
    log.rotate(why="crash")
    log.add(refused("b", 2))
    notes: list[str] = []
    assert ids(exchanges(tmp_path, notes.append)) == ["a", "b"]
    assert notes == []


@pytest.mark.parametrize(
    ("line", "noted"),
    [
        (b"\n", True),
        (b"[]\n", True),
        (b"7\n", True),
        (b'{"seq":1,"kind":7,"id":"x"}\n', True),
        (b'{"seq":1,"kind":"prompt","id":7}\n', True),
        (b'{"seq":"1","kind":"prompt","id":"x"}\n', True),
        ({"kind": "checkpoint", "hash": "x"}, False),
        ({"kind": "part", "id": "x", "body_base64": "!"}, True),
        ({"kind": "part", "id": "x", "output": [["only one"]]}, True),
        ({"kind": "outcome", "id": "x", "output": [7]}, True),
        ({"kind": "outcome", "id": "x", "response": 7}, True),
        ({"kind": "prompt", "id": "x", "client": 7}, True),
        ({"kind": "prompt", "id": "x", "at": 1e300}, True),
        (b'{"seq":2,"kind":"prompt","id":"x", not json}\n', True),
    ],
)
def test_damage_in_the_middle_is_left_out(tmp_path, line, noted):
    """A damaged line or exchange is told and left out, a record of another kind is passed over, the rest is read."""
    notes: list[str] = []
    Log(tmp_path).add(prompt("a", 1), line, outcome("a"))
    assert ids(exchanges(tmp_path, notes.append)) == ["a"]
    assert bool(notes) is noted


def test_hostile_text_comes_back_exactly(tmp_path):
    """CR, LF, NUL, escapes and separators in a prompt are one record each, and come back as they were."""
    text = "a\r\nb\x00\x1b[2J\u2028\u202e\U000e0041"
    Log(tmp_path).add(prompt("a", 1, prompt=[text]))
    assert next(exchanges(tmp_path))["prompt"] == [text]


@pytest.mark.parametrize("n", [0, 1, 3, 5, 100])
def test_tail_is_the_last_that_started(tmp_path, n):
    """The newest exchanges by their start are told in the order of their starts, however lines and logs lie."""
    one, two = Log(tmp_path, "w1"), Log(tmp_path, "w2")
    one.add(*(line for i in range(0, 20, 2) for line in (prompt(f"{i:02}", i), outcome(f"{i:02}"))))
    two.add(*(prompt(f"{i:02}", i) for i in range(1, 20, 2)))
    two.rotate(at=19.5)
    two.add(outcome("19"), refused("20", 20))
    expected = [f"{i:02}" for i in range(21)]
    found = tail(tmp_path, n)
    assert ids(found) == (expected[-n:] if n else [])
    assert {one["id"]: one["end"] for one in found}.get("19") == ("complete" if n > 1 else None)


def test_tail_reads_no_further_than_it_must(tmp_path):
    """What was written before the newest exchanges began is not read."""
    log = Log(tmp_path)
    log.add(b"not a record\n")
    log.rotate(at=99)
    log.add(mark(99), *(prompt(str(at), at) for at in range(100, 110)))
    notes: list[str] = []
    assert ids(tail(tmp_path, 3, notes.append)) == ["107", "108", "109"]
    assert notes == []


def test_newest_keeps_as_many_as_it_may():
    """The newest of any number are kept, by time; what has no time is the oldest."""
    newest = Newest(2)
    assert not newest.enough(100)
    for at in (None, 5, 1, 9, 3):
        newest.put(at, f"at {at}")
    assert newest.items() == ["at 5", "at 9"]
    assert newest.enough(4)
    assert not newest.enough(6)
