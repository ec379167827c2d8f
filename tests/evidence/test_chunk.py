"""A piece of a log by itself."""

from guard.evidence.chunk import Chunk, Task, judge, records_of
from guard.evidence.filters import Filters, Matcher
from guard.evidence.reader import Objects
from guard.evidence.source import sources
from guard.evidence.summary import Summary
from tests.evidence.made import ids, mark, outcome, prompt, refused
from tests.support.journals import Log


def scan(journal, filters=None):
    """The one segment of a journal as one piece."""
    [source] = sources(journal, "w1")
    with source.open() as content:
        task = Task(source, 0, content.size)
        return Chunk(task, Matcher(filters or Filters()), Objects()).scan(content)


def test_whole_exchanges_are_judged_and_others_are_placed(tmp_path):
    """What is whole is gathered; of the rest it is told where its lines are, and what they are."""
    log = Log(tmp_path)
    log.add(prompt("a", 1), outcome("a"), prompt("b", 2), outcome("c"), mark(2.5), mark(3.5))
    scanned = scan(tmp_path)
    assert ids(scanned.made) == ["a"]
    assert [(one.id, one.hit, one.start, one.outcome) for one in scanned.fragments] == [
        ("c", True, False, True),
        ("b", True, True, False),
    ]
    data = log.path.read_bytes()
    [place] = scanned.fragments[0].places
    assert data[place.start :][: place.size].startswith(b'{"seq":4,"kind":"outcome","id":"c"')
    assert scanned.before == 2.5


def test_what_is_ruled_out_is_no_hit(tmp_path):
    """Where the raw lines say that a text is not there, an exchange is not put together, and its lines are no hit."""
    Log(tmp_path).add(prompt("a", 1), outcome("a"), prompt("b", 2), prompt("c", 3))
    scanned = scan(tmp_path, Filters(text="of c"))
    assert scanned.made == []
    assert [(one.id, one.hit) for one in scanned.fragments] == [("b", False), ("c", True)]


def test_without_marks_the_ids_tell_the_time(tmp_path):
    """The newest id in the piece stands in for a time."""
    Log(tmp_path).add(*(refused(f"{time:09x}-ab-1") for time in (3_000_000, 9_000_000, 5_000_000)))
    segment = scan(tmp_path)
    assert segment.before == 1_000  # the segment's own first record has one
    [source] = sources(tmp_path, "w1")
    with source.open() as content:
        rest = Chunk(Task(source, content.cuts(1)[1], content.size), Matcher(Filters()), Objects()).scan(content)
    assert rest.before == 9_000


def test_counted_refusals_are_for_who_counts(tmp_path):
    """A record of refusals goes to a gather that counts them, if the filters let it through."""
    client = {"address": "192.0.2.1", "account": None, "name": None}
    record = {"kind": "refusals", "from": 1.0, "to": 2.0, "client": client, "reason": "why", "status": 429, "count": 7}
    Log(tmp_path).add(record, {**record, "reason": "other"}, {**record, "count": "7"}, {"kind": "refusals"})
    [source] = sources(tmp_path, "w1")
    with source.open() as content:
        task = Task(source, 0, content.size)
        scanned = Chunk(task, Matcher(Filters(reason=("why",), status=("4xx",))), Summary()).scan(content)
    assert scanned.made.told()["refusals"] == {"count": 7, "reason": {"why": 7}, "client": {"192.0.2.1": 7}}
    assert len(scanned.notes) == 2
    assert scan(tmp_path).made == []


def test_damaged_lines_are_told():
    """Lines that are no JSON are left out of what is judged, and exchanges of other shapes are left out whole."""
    notes: list[str] = []
    assert records_of([b"{", b"{}"], notes.append) == [{}]
    gather = Objects()
    judge([{"kind": "prompt", "id": "x", "client": 7}], lambda _: True, gather, notes.append)
    judge([], lambda _: True, gather, notes.append)
    assert gather.take() == []
    assert notes == [
        "a line is not a record and left out",
        "the exchange x is left out: its lines are not what the guard writes",
    ]
