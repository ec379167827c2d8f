"""Rules that were compiled once are the same rules where they are restored."""

from datetime import UTC, datetime

import hyperscan
import msgspec
import pytest

from guard.ruleset import hyperscan_engine
from guard.ruleset.files import Directory
from guard.ruleset.parcel import Parcel
from guard.ruleset.problem import BundleError
from guard.ruleset.ready import entries, prepare, read, restored, written

RULES = """
- id: one
  title: Phrases, patterns, and one that is confirmed
  level: high
  target: prompt
  match: {any_file: names.txt, regex: ['zq[0-9]{3}', 'a(?=b)']}
  action: block
  expires: 2030-01-01
  tests: {match: ["MALLORY", "zq123", "ab"], no_match: ["ac"]}
- id: two
  title: An output
  level: low
  target: output
  date: 2026-01-02
  match: {any: ["secret word"]}
  action: block
  tests: {match: ["a secret word"], no_match: ["a word"]}
- id: three
  title: The end of an output
  level: low
  target: output
  match: {regex: 'ends$'}
  action: flag
  tests: {match: ["it ends"], no_match: ["it ends not"]}
"""

VERDICTS = [["one"], ["one"], ["one"], [], ["one"], ["two"], ["three"]]


@pytest.fixture
def prepared(tmp_path):
    """These rules, as they are pushed."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "names.txt").write_text("Mallory\n")
    (tmp_path / "data" / "unused.txt").write_text("nothing\n")
    (tmp_path / "10-a.yaml").write_text(RULES)
    return prepare(Directory(tmp_path))


def verdicts(bundle):
    """What the rules say of some texts."""
    texts = ["mallory", "zq123", "ac ab", "ac" * 50, "mallory" * 50]
    found = [[rule.id for rule in bundle.prompt.scan(text)] for text in texts]
    for pieces in (("a sec", "ret word"), ("it ", "ends")):
        stream = bundle.output.stream()
        found.append([rule.id for piece in pieces for rule in stream.feed(piece)] + [one.id for one in stream.close()])
    bundle.output.stream().feed("never closed")
    return found


def no_compiling(*_):
    """In the place of what compiles."""
    raise AssertionError("something was compiled")


def test_they_are_restored_without_compiling(prepared, monkeypatch):
    """The same rules with the same verdicts and the same hash, whichever file they were read from."""
    ready = read(written(prepared.ready), prepared.bundle.hash)
    assert ready is not None
    assert ready == prepared.ready
    assert [(one.rule.id, one.line) for one in entries(ready)] == [("one", 2), ("two", 10), ("three", 18)]
    monkeypatch.setattr(hyperscan_engine, "_compile", no_compiling)
    bundle, kept = restored(ready)
    assert kept is ready
    assert bundle.rules == prepared.bundle.rules
    assert bundle.hash == prepared.bundle.hash
    assert verdicts(bundle) == verdicts(prepared.bundle) == VERDICTS


def test_a_parcel_is_the_rules_of_its_folder(prepared):
    """Only what a rule names is in it; its name is the bundle's hash."""
    again = prepare(Parcel(prepared.parcel))
    assert again.parcel == prepared.parcel
    assert again.bundle.hash == prepared.bundle.hash
    assert b"Mallory" in prepared.parcel
    assert b"unused" not in prepared.parcel


@pytest.mark.parametrize("change", ["nothing", "another version", "damaged"])
def test_what_does_not_fit_here_is_compiled_again(prepared, monkeypatch, change):
    """What another version has made, or what hyperscan does not take; then that is kept."""
    kept = prepared.ready.kept
    if change == "damaged":
        kept = {key: b"hs" + data[2:] for key, data in kept.items()}
        with pytest.raises(hyperscan.HyperscanError):
            hyperscan.loadb(next(iter(kept.values())), hyperscan.HS_MODE_BLOCK)
    elif change == "another version":
        monkeypatch.setattr(hyperscan_engine, "VERSION", "0.0.1")
    ready = msgspec.structs.replace(prepared.ready, kept=kept)
    bundle, new = restored(ready)
    assert verdicts(bundle) == verdicts(prepared.bundle)
    assert (new is ready) == (change == "nothing")


def test_what_has_expired_meanwhile_is_left_out(prepared):
    """As it is when rules are read."""
    bundle, _ = restored(prepared.ready, now=datetime(2030, 1, 1, tzinfo=UTC))
    assert [rule.id for rule in bundle.rules] == ["two", "three"]
    assert bundle.prompt.scan("mallory") == ()


def test_the_portable_engine_has_them_too(prepared):
    """It keeps nothing, and needs nothing."""
    bundle, _ = restored(prepared.ready, engine="portable")
    assert verdicts(bundle) == verdicts(prepared.bundle)
    assert bundle.engine == "portable"


def test_what_is_not_whole_is_nothing(prepared):
    """Any change of any byte, a cut, another bundle's name."""
    data = written(prepared.ready)
    for at in (0, 20, 60, len(data) - 1):
        assert read(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :], prepared.bundle.hash) is None
    assert read(data[:-1], prepared.bundle.hash) is None
    assert read(b"", prepared.bundle.hash) is None
    assert read(data, "0" * 64) is None


def test_every_mistake_is_told(tmp_path):
    """File, rule, field and why, as of any folder."""
    (tmp_path / "10-a.yaml").write_text(RULES.replace("level: low", "level: lwo", 1))
    with pytest.raises(BundleError) as caught:
        prepare(Directory(tmp_path))
    assert [(one.file, one.rule, one.field) for one in caught.value.errors] == [
        ("10-a.yaml", "two", "level"),
        ("10-a.yaml", "one", "match.any_file"),
    ]
