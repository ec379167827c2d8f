"""The files of what was pushed: whole or not there, and those that were used last are kept."""

import os
import stat
import threading

import pytest

from guard.custody import bundles
from guard.custody.bundles import Shelf
from guard.ruleset.parcel import Parcel, digest, pack
from guard.ruleset.ready import prepare

RULE = b"""
- id: one
  title: A phrase
  level: high
  target: prompt
  match: {any: ["phrase"]}
  action: block
  tests: {match: ["a phrase"], no_match: ["words"]}
"""
PARCEL = pack({"10.yaml": RULE})
NAME = digest(PARCEL)


@pytest.fixture
def shelf(tmp_path):
    """One with a bundle on it."""
    found = Shelf(tmp_path)
    found.put(NAME, PARCEL)
    return found


def test_what_is_put_there_is_there(shelf, tmp_path):
    """For the guard's user only; a second time changes nothing."""
    assert shelf.get(NAME) == PARCEL
    path = tmp_path / "bundles" / NAME
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    Shelf(tmp_path / "new").put(NAME, PARCEL)
    for folder in ("bundles", "new", "new/bundles"):
        assert stat.S_IMODE((tmp_path / folder).stat().st_mode) == 0o700
    before = path.stat().st_ino
    shelf.put(NAME, PARCEL)
    assert path.stat().st_ino == before


def test_it_is_seen_when_there_is_something_else(shelf, tmp_path):
    """When it comes, is damaged, mended, compiled; not when it is used."""
    stamps = [shelf.stamp("0" * 64), shelf.stamp(NAME)]
    shelf.used(NAME)
    assert shelf.stamp(NAME) == stamps[-1]
    (tmp_path / "bundles" / NAME).write_bytes(b"damaged")
    stamps.append(shelf.stamp(NAME))
    shelf.put(NAME, PARCEL)
    shelf.put_ready(prepare(Parcel(PARCEL)).ready)
    stamps.append(shelf.stamp(NAME))
    assert len(set(stamps)) == 4


@pytest.mark.parametrize("name", ["0" * 64, "nothing", f"../bundles/{NAME}", NAME.upper()])
def test_what_is_not_there_is_not(shelf, name):
    """Nor is what is no name of a bundle."""
    assert shelf.get(name) is None
    assert shelf.ready(name) is None


def test_what_is_damaged_is_as_good_as_none(shelf, tmp_path, caplog):
    """It is told, and can be put there again."""
    path = tmp_path / "bundles" / NAME
    path.write_bytes(PARCEL[:-3] + b"x\n\n")
    assert shelf.get(NAME) is None
    assert "is damaged" in caplog.text
    shelf.put(NAME, PARCEL)
    assert shelf.get(NAME) == PARCEL


def test_what_is_too_large_is_not_read(shelf, monkeypatch):
    """However large the file is."""
    monkeypatch.setattr("guard.ruleset.parcel.BYTES", 10)
    assert shelf.get(NAME) is None


def test_only_what_has_that_hash_gets_that_name(shelf):
    """Whoever gives the bytes."""
    with pytest.raises(ValueError, match="are not the rules"):
        shelf.put(NAME, PARCEL + b"\n")


def test_what_was_compiled_is_known_as_good(shelf, tmp_path):
    """And is not read if it is damaged."""
    assert shelf.known_good() == []
    ready = prepare(Parcel(PARCEL)).ready
    shelf.put_ready(ready)
    assert shelf.ready(NAME) == ready
    assert shelf.known_good() == [NAME]
    path = tmp_path / "bundles" / f"{NAME}.ready"
    path.write_bytes(path.read_bytes()[:-1])
    assert shelf.ready(NAME) is None


def test_those_that_were_used_last_are_kept(shelf, tmp_path, monkeypatch):
    """And those that are named; drafts that nobody finishes go too."""
    monkeypatch.setattr(bundles, "KEPT", 2)
    names = [NAME]
    for number in range(4):
        parcel = pack({f"{number}.yaml": RULE})
        names.append(digest(parcel))
        shelf.put(names[-1], parcel)
    for at, name in enumerate(names):
        os.utime(tmp_path / "bundles" / name, (at, at))
    shelf.used(names[0])
    for name, age in (("old.draft", 1), ("new.draft", None)):
        (tmp_path / "bundles" / name).touch()
        if age is not None:
            os.utime(tmp_path / "bundles" / name, (age, age))
    shelf.prune({names[2], None})
    assert {name for name in names if shelf.get(name)} == {names[0], names[2], names[4]}
    assert [path.name for path in (tmp_path / "bundles").glob("*.draft")] == ["new.draft"]


def test_one_compiles_at_a_time(shelf):
    """The others wait for it."""
    inside, seen = threading.Event(), []

    def other():
        inside.wait(10)
        with shelf.compiling():
            seen.append("other")

    thread = threading.Thread(target=other)
    thread.start()
    with shelf.compiling():
        inside.set()
        thread.join(0.1)
        seen.append("first")
    thread.join(10)
    assert seen == ["first", "other"]


def test_an_empty_place_can_be_asked(tmp_path):
    """Where nothing was pushed yet."""
    assert Shelf(tmp_path).known_good() == []
    Shelf(tmp_path).prune(())
    Shelf(tmp_path).used(NAME)
