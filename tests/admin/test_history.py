"""Records as callers see them."""

from guard.admin.history import shown


def test_a_record_is_shown_without_what_only_the_log_needs():
    """And of a token not even the hash."""
    change = {"type": "add-operator", "name": "ann", "role": "viewer", "token": "0" * 64}
    record = {
        "seq": 7,
        "kind": "change",
        "id": "a",
        "at": 1.0,
        "actor": "b",
        "reason": "r",
        "change": change,
        "chain": "c",
    }
    assert shown(record) == {
        "seq": 7, "id": "a", "at": 1.0, "actor": "b", "reason": "r",
        "change": {"type": "add-operator", "name": "ann", "role": "viewer"},
    }  # fmt: skip
