"""Reading journal folders."""

import io
import os
from pathlib import Path
from threading import Event, Thread
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from guard.journal import reader
from guard.journal.reader import exchanges, find, follow, split_backward, tail


def prompt(id_: str, at: float = 0.0) -> dict[str, Any]:
    """A prompt line."""
    return {"kind": "prompt", "id": id_, "at": at, "request": {"method": "POST"}, "prompt": [f"prompt of {id_}"]}


def outcome(id_: str) -> dict[str, Any]:
    """The outcome line that belongs to a prompt line."""
    return {"kind": "outcome", "id": id_, "response": {"status": 200, "body": ""}, "output": [id_], "end": "complete"}


def refused(id_: str, at: float = 0.0) -> dict[str, Any]:
    """The one line of what was refused."""
    return {**prompt(id_, at), **outcome(id_), "end": "refused"}


def part(id_: str, text: str) -> dict[str, Any]:
    """A piece of a streamed answer."""
    return {"kind": "part", "id": id_, "body": text, "output": [["c", text]]}


def write(folder: Path, name: str, *lines: dict[str, Any] | bytes, torn: bytes = b"") -> Path:
    """Append lines, as records or as they are, to a file."""
    path = folder / f"{name}.jsonl"
    with path.open("ab") as file:
        file.writelines(line if isinstance(line, bytes) else orjson.dumps(line) + b"\n" for line in lines)
        file.write(torn)
    return path


def ids(found: Any) -> list[str]:
    """Which exchanges these are."""
    return [exchange["id"] for exchange in found]


def test_exchanges_come_when_they_end_and_open_ones_last(tmp_path):
    """An exchange is told at its outcome; those without one at the end, in the order they started."""
    write(tmp_path, "1", prompt("a", 1), prompt("b", 2), prompt("c", 3), outcome("b"), refused("d", 4), prompt("e", 5))
    assert ids(exchanges(tmp_path)) == ["b", "d", "a", "c", "e"]
    assert [one["end"] for one in exchanges(tmp_path)] == ["complete", "refused", None, None, None]


def test_exchange_may_span_files(tmp_path):
    """The lines of one exchange may be in several files; they are found wherever they are."""
    write(tmp_path, "2", part("a", "y"), outcome("a"))
    write(tmp_path, "1", prompt("a", 1), part("a", "x"))
    for found in (*exchanges(tmp_path), find(tmp_path, "a"), *tail(tmp_path, 1)):
        assert found is not None
        assert (found["end"], found["output"], found["response"]["body"]) == ("complete", ["xy", "a"], "xy")


def test_finding(tmp_path):
    """One exchange is found by its whole id; an unknown id or a part of one finds nothing."""
    write(
        tmp_path, "1", prompt("a-1", 1), outcome("a-1"), {**prompt("b", 2), "prompt": ['mentions "a-1"']}, outcome("b")
    )
    found = find(tmp_path, "a-1")
    assert found is not None
    assert found["prompt"] == ["prompt of a-1"]
    assert find(tmp_path, "a") is None
    assert find(tmp_path / "nowhere", "a-1") is None


@pytest.mark.parametrize(
    ("torn", "lines"),
    [
        (b'{"kind":"prom', 0),
        (b'{"kind":"outcome","id":"b","end":"complete"}', 0),
        (b"", 1),
        (b"\x00" * 9, 0),
    ],
)
def test_torn_last_line_is_left_out(tmp_path, torn, lines):
    """A last line without its newline, or one that is no record, is told once and left out."""
    write(tmp_path, "1", prompt("a", 1), outcome("a"), *[b"{not json}\n"] * lines, torn=torn)
    for read in (exchanges, lambda folder, note: tail(folder, 5, note)):
        notes: list[str] = []
        assert ids(read(tmp_path, notes.append)) == ["a"]
        assert len(notes) == 1
        assert notes[0].startswith("1.jsonl: ")
    found = find(tmp_path, "a")
    assert found is not None
    assert found["end"] == "complete"


@pytest.mark.parametrize(
    ("line", "noted"),
    [
        (b"\n", True),
        (b"[]\n", True),
        (b"7\n", True),
        (b'{"kind":7,"id":"x"}\n', True),
        (b'{"kind":"prompt","id":7}\n', True),
        (b'{"kind":"checkpoint","hash":"x"}\n', False),
        (b'{"kind":"part","id":"x","body_base64":"!"}\n', True),
        (b'{"kind":"part","id":"x","output":[["only one"]]}\n', True),
        (b'{"kind":"outcome","id":"x","output":[7]}\n', True),
        (b'{"kind":"outcome","id":"x","response":7}\n', True),
    ],
)
def test_damage_in_the_middle_is_left_out(tmp_path, line, noted):
    """A damaged line or exchange is told and left out, a record of another kind is passed over, the rest is read."""
    notes: list[str] = []
    write(tmp_path, "1", prompt("a", 1), line, outcome("a"))
    found = [one for one in exchanges(tmp_path, notes.append) if one["id"] == "a"]
    assert ids(found) == ["a"]
    assert bool(notes) is noted


def test_hostile_text_comes_back_exactly(tmp_path):
    """CR, LF, NUL, escapes and separators in a prompt are one record each, and come back as they were."""
    text = "a\r\nb\x00\x1b[2J\u2028\u202e\U000e0041"
    write(tmp_path, "1", {**prompt("a", 1), "prompt": [text]})
    assert next(exchanges(tmp_path))["prompt"] == [text]


@pytest.mark.parametrize("n", [0, 1, 3, 5, 100])
def test_tail_is_the_last_that_started(tmp_path, n):
    """The newest exchanges by their start are told in the order of their starts, however lines and files lie."""
    write(tmp_path, "1-w1", *(line for i in range(0, 20, 2) for line in (prompt(f"{i:02}", i), outcome(f"{i:02}"))))
    write(tmp_path, "1-w2", *(prompt(f"{i:02}", i) for i in range(1, 20, 2)))
    write(tmp_path, "2-w1", outcome("19"), refused("20", 20))
    expected = [f"{i:02}" for i in range(21)]
    found = tail(tmp_path, n)
    assert ids(found) == (expected[-n:] if n else [])
    assert {one["id"]: one["end"] for one in found}.get("19") == ("complete" if n > 1 else None)


def test_tail_reads_no_further_than_it_must(tmp_path):
    """Files that were last written before the newest exchanges began are not opened."""
    old = write(tmp_path, "1", b"not a record\n")
    os.utime(old, (10, 10))
    notes: list[str] = []
    write(tmp_path, "2", *(prompt(str(at), at) for at in range(100, 110)))
    assert ids(tail(tmp_path, 3, notes.append)) == ["107", "108", "109"]
    assert notes == []


@given(st.lists(st.binary(max_size=20).map(lambda line: line.replace(b"\n", b"")), max_size=20), st.integers(1, 9))
def test_lines_backward_are_lines_reversed(lines, block):
    """Splitting from the end gives the pieces of splitting from the start, whatever the size of a read."""
    content = b"\n".join(lines)
    usual = reader.BLOCK_BYTES
    reader.BLOCK_BYTES = block
    try:
        assert list(split_backward(io.BytesIO(content))) == content.split(b"\n")[::-1]
    finally:
        reader.BLOCK_BYTES = usual


class Following:
    """Follows a journal in a thread and keeps what it is told."""

    def __init__(self, folder: Path, last: int = 0) -> None:
        self.stop = Event()
        self.told: list[dict[str, Any]] = []
        self.more = Event()
        self.started = Event()
        self.thread = Thread(target=self.run, args=(folder, last))
        self.thread.start()

    def run(self, folder: Path, last: int) -> None:
        for exchange in follow(folder, self.stop, last=last):
            self.told.append(exchange)
            self.more.set()

    def wait_for(self, count: int) -> list[str]:
        while len(self.told) < count:
            assert self.more.wait(5), f"told {ids(self.told)} only"
            self.more.clear()
        return ids(self.told)

    def end(self) -> list[str]:
        self.stop.set()
        self.thread.join(5)
        assert not self.thread.is_alive()
        return ids(self.told)


def test_following(tmp_path):
    """What ends from now on is told once, with what was written of it before, also from files that are new."""
    write(tmp_path, "1", refused("old", 1), refused("last", 2), prompt("open", 3))
    following = Following(tmp_path, last=2)
    assert following.wait_for(2) == ["last", "open"]
    write(tmp_path, "1", torn=orjson.dumps(outcome("open")))
    write(tmp_path, "1", torn=b"\n")
    assert following.wait_for(3)[2:] == ["open"]
    assert following.told[2]["prompt"] == ["prompt of open"]
    write(tmp_path, "2", prompt("new", 4), outcome("new"))
    assert following.wait_for(4)[3:] == ["new"]
    assert following.end() == ["last", "open", "open", "new"]


def test_following_survives_removed_files(tmp_path):
    """A file that goes away while it is followed ends nothing."""
    path = write(tmp_path, "1", refused("a", 1))
    following = Following(tmp_path, last=1)
    assert following.wait_for(1) == ["a"]
    path.unlink()
    write(tmp_path, "2", refused("b", 2))
    assert following.wait_for(2) == ["a", "b"]
    following.end()
