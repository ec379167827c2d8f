"""Pieces of Lua, and keys."""

from guard.store.redis.script import Script, key


def test_a_script_knows_its_digest():
    """The digest is what the store calls it by (here: what Redis' documentation has for this text)."""
    assert Script("return 1").digest == "e0e1f9fabfc9d4800c877a703b823ac0578ff8db"


def test_a_fleets_keys_are_in_one_place():
    """The fleet's name is the hash tag of each of its keys."""
    assert key("eu", "changes") == "guard:{eu}:changes"
