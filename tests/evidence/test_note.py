"""Telling of what could not be read."""

from guard.evidence.note import MORE, once


def test_each_sentence_is_told_once():
    """What was told is not told again."""
    notes: list[str] = []
    tell = once(notes.append)
    for sentence in ("a", "b", "a"):
        tell(sentence)
    assert notes == ["a", "b"]


def test_a_flood_of_notes_is_counted():
    """Beyond a number of them it is only said that there are more."""
    notes: list[str] = []
    tell = once(notes.append, most=2)
    for number in range(10):
        tell(str(number))
    assert notes == ["0", "1", MORE]
