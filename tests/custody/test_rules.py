"""Which rules a worker has in force, whatever becomes of those that it should have."""

import pytest

from guard.config import Rules
from guard.custody import rules
from guard.custody.bundles import Shelf
from guard.custody.rules import Fault, Rulebook
from guard.measures import AddedRule, Measures
from guard.ruleset import ready as ready_module
from guard.ruleset.bundle import BundleError, load
from guard.ruleset.parcel import digest, pack

BOUNDS = Rules(dir=None)
NOWHERE = "0" * 64


def rule(word, action="block"):
    """A rule for prompts that looks for a word, as YAML."""
    return f"""
- id: {word}
  title: A word
  level: high
  target: prompt
  match: {{any: ["{word}"]}}
  action: {action}
  tests: {{match: ["{word}"], no_match: ["-"]}}
""".encode()


@pytest.fixture
def shelf(tmp_path):
    """An empty one."""
    return Shelf(tmp_path)


@pytest.fixture
def book(shelf):
    """Of a worker with no configured rules."""
    return Rulebook(shelf, BOUNDS, load(None))


def pushed(shelf, *words):
    """Push rules for these words; their hash."""
    parcel = pack({f"{word}.yaml": rule(word) for word in words})
    shelf.put(digest(parcel), parcel)
    return digest(parcel)


def work(book):
    """Do what is to be done."""
    while one := book.work():
        book.take(one, book.make(one))


def words(book, **measures):
    """The rules in force."""
    return [one.id for one in book.rules(Measures(**measures)).rules]


def test_what_is_pushed_is_in_force_when_it_is_made(shelf, book):
    """Until then the rules are those so far, and it is told that something is being made."""
    name = pushed(shelf, "one", "two")
    book.want(name)
    assert (book.waits, book.pushed, words(book)) == (name, None, [])
    work(book)
    assert (book.waits, book.pushed, words(book)) == (None, name, ["one", "two"])
    assert book.base.hash == name
    book.want(None)
    assert (book.pushed, words(book)) == (None, [])


def test_of_several_pushes_the_newest_is_made(shelf, book):
    """One that is being made when others come is remembered, and not in force."""
    first, second, third = (pushed(shelf, word) for word in ("one", "two", "three"))
    book.want(first)
    begun = book.work()
    book.want(second)
    book.want(third)
    book.take(begun, book.make(begun))
    assert (book.pushed, book.waits) == (None, third)
    work(book)
    assert words(book) == ["three"]
    book.want(first)
    assert words(book) == ["one"]
    book.want(second)
    assert book.waits == second


def test_the_way_back_takes_no_time(shelf, book, monkeypatch):
    """What was in force lately is at hand; what was long ago is made again."""
    names = [pushed(shelf, word) for word in "abcdef"]
    for name in names:
        book.want(name)
        work(book)
    monkeypatch.setattr(book, "make", None)
    for name in names[-rules.REMEMBERED :]:
        book.want(name)
        assert (book.pushed, book.waits) == (name, None)
    book.want(names[0])
    assert book.waits == names[0]


def test_one_compiles_for_all(shelf, monkeypatch):
    """A second worker, or one that starts later, takes what the first has made."""
    name = pushed(shelf, "one")
    first, second = (Rulebook(shelf, BOUNDS, load(None)) for _ in range(2))
    first.start(name)
    monkeypatch.setattr(rules, "prepare", None)
    second.start(name)
    assert words(first) == words(second) == ["one"]


@pytest.mark.parametrize("trouble", ["missing", "damaged", "broken", "another's"])
def test_what_cannot_be_used_changes_nothing(shelf, book, tmp_path, trouble):
    """The last good rules stay in force, and it is told why; other measures go on."""
    good = pushed(shelf, "one")
    book.want(good)
    work(book)
    name = NOWHERE
    if trouble == "damaged":
        (tmp_path / "bundles" / name).write_bytes(b"damaged")
    elif trouble in ("broken", "another's"):
        content = rule("two", "blokc") if trouble == "broken" else rule("two")
        parcel = pack({"two.yaml": content} | ({} if trouble == "broken" else {"data/unused": b""}))
        name = digest(parcel)
        shelf.put(name, parcel)
    book.want(name)
    work(book)
    assert words(book) == ["one"]
    assert (book.pushed, book.waits) == (good, None)
    told = {"broken": "two.yaml:7: two: action", "another's": "files in them that no rule names"}
    assert told.get(trouble, "not here, or damaged") in book.fault
    book.want(name)
    assert book.waits is None
    book.want(good)
    assert book.fault == ""


def test_what_was_missing_is_taken_when_it_comes(shelf, book, tmp_path):
    """As in a fleet, where it may come later than the word of it."""
    parcel = pack({"one.yaml": rule("one")})
    name = digest(parcel)
    damaged = tmp_path / "bundles" / name
    damaged.parent.mkdir()
    book.want(name)
    work(book)
    assert "not here" in book.fault
    assert book.work() is None
    damaged.write_bytes(b"damaged")
    work(book)
    assert "damaged" in book.fault
    assert book.work() is None
    shelf.put(name, parcel)
    work(book)
    assert (words(book), book.fault) == (["one"], "")


def test_a_start_without_the_newest_has_the_ones_before(shelf, tmp_path, book):
    """Those that were in force here last; without any, the configured ones."""
    older, newer = pushed(shelf, "older"), pushed(shelf, "newer")
    for name in (newer, older):
        Rulebook(shelf, BOUNDS, load(None)).start(name)
    book.start(NOWHERE)
    assert words(book) == ["older"]
    assert NOWHERE[:12] in book.fault
    (tmp_path / "bundles" / f"{older}.ready").write_bytes(b"damaged")
    (tmp_path / "bundles" / older).unlink()
    last = Rulebook(shelf, BOUNDS, load(None))
    last.start(NOWHERE)
    assert words(last) == ["newer"]
    empty = Rulebook(Shelf(tmp_path / "elsewhere"), BOUNDS, load(None))
    empty.start(NOWHERE)
    assert (words(empty), empty.pushed) == ([], None)
    assert empty.fault


def test_a_fault_of_the_guard_is_one_of_the_bundle(book, monkeypatch):
    """Whatever it is: a worker goes on."""
    monkeypatch.setattr(rules, "made", lambda *_: 1 / 0)
    book.want(NOWHERE)
    assert isinstance(book.make(book.work()), Fault)


def test_rules_are_taken_out_and_added(shelf, book):
    """Wherever they come from; nothing is composed anew while nothing changes."""
    book.start(pushed(shelf, "one", "two"))
    added = (AddedRule("more", "prompt", "three", False, False), AddedRule("most", "prompt", "four", False, False))
    measures = Measures(rules=added, disabled=frozenset({"one", "most", "unknown"}))
    assert (book.lacks(measures), book.rules(measures)) == (True, None)
    book.keep(book.compose(measures))
    found = book.rules(measures)
    assert [one.id for one in found.prompt.scan("one two three four")] == ["two", "more"]
    assert [one.id for one in found.rules] == ["two", "more"]
    assert book.rules(measures._replace(version=9)) is found
    book.keep(book.compose(Measures(rules=added)))
    assert found.hash not in (book.base.hash, book.rules(Measures(rules=added)).hash)
    assert book.rules(Measures()) is book.base
    wrong = Measures(rules=(AddedRule("x", "prompt", "(((", True, False),))
    book.keep(book.compose(wrong))
    assert not book.lacks(wrong)
    depths = []
    for _ in range(3):
        with pytest.raises(BundleError) as error:
            book.rules(wrong)
        depths.append(len(error.traceback))
    assert len(set(depths)) == 1


def test_another_configuration_leaves_what_was_pushed(shelf, book, tmp_path):
    """It stays in force, also while it is made again for other bounds; without it the new ones count."""
    name = pushed(shelf, "one")
    book.start(name)
    (tmp_path / "10.yaml").write_bytes(rule("configured"))
    configured = load(tmp_path)
    book.reconfigure(BOUNDS, configured, name)
    assert (words(book), book.waits) == (["one"], None)
    begun = rules.Work(name, BOUNDS)
    portable = Rules(dir=None, engine="portable")
    book.reconfigure(portable, configured, name)
    assert (words(book), book.waits) == (["one"], name)
    book.take(begun, book.make(begun))
    assert book.waits == name
    work(book)
    assert (book.base.engine, words(book)) == ("portable", ["one"])
    book.want(None)
    assert words(book) == ["configured"]
    book.reconfigure(portable, load(None), None)
    assert words(book) == []


def test_reading_it_again_tries_what_failed_again(shelf, book, monkeypatch):
    """SIGHUP is the way to say that what was wrong is mended."""
    name = pushed(shelf, "one")
    with monkeypatch.context() as patch:
        patch.setattr(ready_module, "compiled", lambda *_, **__: 1 / 0)
        book.start(name)
    assert "a fault in the guard" in book.fault
    book.reconfigure(BOUNDS, load(None), name)
    work(book)
    assert (words(book), book.fault) == (["one"], "")


def test_configured_rules_are_compiled_once(shelf, tmp_path, monkeypatch):
    """By whoever is first; what is changed in the folder counts, and what is broken is an error."""
    folder = tmp_path / "rules"
    folder.mkdir()
    (folder / "10.yaml").write_bytes(rule("one"))
    bounds = Rules(dir=str(folder))
    first = rules.configured(bounds, shelf, anew=True)
    with monkeypatch.context() as patch:
        patch.setattr("guard.ruleset.hyperscan_engine._compile", None)
        again = rules.configured(bounds, shelf, anew=True)
    assert again.hash == first.hash == load(folder).hash
    assert again.prompt.scan("one")
    (folder / "20.yaml").write_bytes(rule("two"))
    assert [one.id for one in rules.configured(bounds, shelf, anew=True).rules] == ["one", "two"]
    kept = shelf.configured()
    assert kept is not None
    assert len(kept.kept) == 2
    (folder / "30.yaml").write_text("- id: [")
    with pytest.raises(BundleError):
        rules.configured(bounds, shelf, anew=True)


def test_who_starts_again_has_the_configured_rules_of_before(shelf, tmp_path, caplog):
    """Whatever became of the folder meanwhile; but not who was never started."""
    folder = tmp_path / "rules"
    folder.mkdir()
    (folder / "10.yaml").write_bytes(rule("one", "blokc"))
    bounds = Rules(dir=str(folder))
    with pytest.raises(BundleError):
        rules.configured(bounds, shelf, anew=False)
    (folder / "10.yaml").write_bytes(rule("one"))
    good = rules.configured(bounds, shelf, anew=True)
    (folder / "10.yaml").write_bytes(rule("one", "blokc"))
    found = rules.configured(bounds, shelf, anew=False)
    assert found.hash == good.hash
    assert found.prompt.scan("one")
    assert "10.yaml:7: one: action" in caplog.text


def test_a_disk_that_does_not_take_what_was_compiled_is_no_trouble(shelf, tmp_path, caplog):
    """It is compiled each time then."""
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "10.yaml").write_bytes(rule("one"))
    (tmp_path / "bundles").write_text("in the way")
    found = rules.configured(Rules(dir=str(tmp_path / "rules")), shelf, anew=True)
    assert [one.id for one in found.rules] == ["one"]
    assert "are not kept" in caplog.text
