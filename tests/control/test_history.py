"""The history of changes, a few at a time."""

import pytest

from guard.control.history import before, since
from guard.custody.control import ControlError, append_all, change_record


@pytest.fixture
def journal(tmp_path):
    """Twenty changes in several segments; each segment has a first record of its own."""
    for number in range(20):
        record = change_record({"type": "block", "kind": "session", "value": str(number)}, reason="r")
        append_all(tmp_path, [record], segment_bytes=1_000)
    return tmp_path


def values(records):
    """The numbers that these changes were given."""
    return [int(record["change"]["value"]) for record in records]


def test_from_a_place_on(journal):
    """In order, and no more than were asked for."""
    everything = since(journal, 0, 100)
    assert values(everything) == list(range(20))
    for record in everything:
        found = since(journal, record["seq"], 3)
        assert found == everything[int(record["change"]["value"]) :][:3]
    assert since(journal, everything[-1]["seq"] + 1, 3) == []


def test_back_from_a_place(journal):
    """The newest first."""
    everything = before(journal, None, 100)
    assert values(everything) == list(range(19, -1, -1))
    for place, record in enumerate(everything):
        assert before(journal, record["seq"], 3) == everything[place + 1 : place + 4]


def test_without_a_log_there_is_no_history(tmp_path):
    """Which is no trouble."""
    assert since(tmp_path, 0, 10) == before(tmp_path, None, 10) == []


def test_damage_is_told(journal):
    """And what is torn at the end is not there."""
    last = sorted((journal / "control").glob("*.jsonl"))[-1]
    last.write_bytes(last.read_bytes() + b'{"seq":99,"kind":"cha')
    assert values(before(journal, None, 1)) == [19]
    last.write_bytes(last.read_bytes().replace(b'"value":"19"', b'"value":"20"'))
    with pytest.raises(ControlError):
        before(journal, None, 100)
