"""What a dishonest hand does to records."""

from __future__ import annotations

from guard.archive.manifest import manifest_of
from guard.journal.chain import Position, bind, link
from guard.journal.folder import PLAIN
from loadtests.specimen import counted
from loadtests.tampered import Case, Expected, Tampering, after, put, unlinked


def flip_in_record(case: Case) -> list[Expected]:
    """A bit of a record."""
    segment, lines, _ = case.plain()
    number = case.rng.randrange(len(lines))
    begin = sum(map(len, lines[:number]))
    case.flip(segment.path(PLAIN), begin, begin + len(lines[number]))
    return [case.exactly(segment.base + number)]


def delete_record(case: Case) -> list[Expected]:
    """A record, taken out."""
    segment, lines, rest = case.plain()
    number = case.rng.randrange(len(lines))
    put(segment, lines[:number] + lines[number + 1 :], rest)
    return [case.exactly(segment.base + number)]


def duplicate_record(case: Case) -> list[Expected]:
    """A record, twice; where the second is behind all others it stands in the next one's place."""
    segment, lines, rest = case.plain()
    number = case.rng.randrange(len(lines))
    put(segment, lines[: number + 1] + lines[number:], rest)
    return [case.exactly(segment.base + number + 1)]


def swap_neighbours(case: Case) -> list[Expected]:
    """Two records, the other way round."""
    segment, lines, rest = case.plain()
    number = case.rng.randrange(len(lines) - 1)
    lines[number : number + 2] = lines[number + 1], lines[number]
    put(segment, lines, rest)
    return [case.exactly(segment.base + number)]


def cut_in_record(case: Case) -> list[Expected]:
    """Some bytes of a record, taken out."""
    segment, lines, rest = case.plain()
    number = case.rng.randrange(len(lines))
    line = lines[number]
    begin = case.rng.randrange(len(line))
    end = case.rng.randint(begin + 1, len(line))
    lines[number] = line[:begin] + line[end:]
    put(segment, lines, rest)
    return [case.exactly(segment.base + number)]


def insert_forged(case: Case) -> list[Expected]:
    """A record that is linked to the one before it, and pushes the others on."""
    segment, lines, rest = case.plain()
    number = case.rng.randrange(1, len(lines))
    lines.insert(number, link(b'{"kind":"prompt","forged":true}', after(lines[number - 1]))[0])
    put(segment, lines, rest)
    return [case.exactly(segment.base + number + 1)]


def edit_and_link(case: Case) -> list[Expected]:
    """A record that was changed and given the chain that it then has: the next one does not follow it."""
    segment, lines, rest = case.plain()
    number = case.rng.randrange(1, len(lines) - 1)
    lines[number] = link(b'{"kind":"prompt","forged":true}', after(lines[number - 1]))[0]
    put(segment, lines, rest)
    return [case.exactly(segment.base + number + 1)]


def swap_records(case: Case) -> list[Expected]:
    """Two records of two segments, of one log or of two, in each other's place."""
    other = Case(case.journal, case.specimen, case.rng)
    one, lines, rest = case.plain()
    two, lines2, rest2 = other.plain()
    if (one.log, one.base) == (two.log, two.base):
        return []
    number, number2 = case.rng.randrange(len(lines)), case.rng.randrange(len(lines2))
    lines[number], lines2[number2] = lines2[number2], lines[number]
    put(one, lines, rest)
    put(two, lines2, rest2)
    places = sorted([(case.log, one.base + number), (other.log, two.base + number2)])
    return [Expected(log, seq, seq) for log, seq in dict(reversed(places)).items()]


def cut_tail(case: Case) -> list[Expected]:
    """The end of the newest file."""
    segment = case.segments[-1]
    data = segment.path(PLAIN).read_bytes()
    cut = case.rng.randrange(len(data))
    segment.path(PLAIN).write_bytes(data[:cut])
    return [case.exactly(segment.base + data.count(b"\n", 0, cut))]


def chain_anew(case: Case) -> list[Expected]:
    """A record that was changed, and all chains after it made anew, up to the log's end."""
    signed = max(manifest_of(one).end for one in case.segments if one.manifest)
    plains = [one for one in case.segments if one.plain]
    chosen = case.rng.randrange(len(plains))
    position: Position | None = None
    edited = 0
    for segment in plains[chosen:]:
        lines = counted(segment, case.following(segment))
        rest = segment.path(PLAIN).read_bytes()[sum(map(len, lines)) :]
        kept = [] if position else lines[: case.rng.randrange(1, len(lines))]
        if position is None:
            position, edited = after(kept[-1]), segment.base + len(kept)
        records = [unlinked(line) for line in lines[len(kept) :]]
        if segment.base + len(kept) == edited:
            records[0] = b'{"kind":"prompt","forged":true}'
        made, position = bind(records, position)
        segment.path(PLAIN).write_bytes(b"".join(kept) + made + rest)
    return [Expected(case.log, signed, edited)]


RECORDS: tuple[Tampering, ...] = (
    flip_in_record,
    delete_record,
    duplicate_record,
    swap_neighbours,
    cut_in_record,
    insert_forged,
    edit_and_link,
    swap_records,
    cut_tail,
    chain_anew,
)
