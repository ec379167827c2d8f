"""What a dishonest hand does to a journal, in every way we could think of, and which record must be named for it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import NamedTuple

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from guard.journal.chain import Position, bind, link, split
from guard.journal.compression import zstd
from guard.journal.folder import CHECKPOINT, MANIFEST, PLAIN, SEALED, TOMBSTONE, Segment, logs, segments
from guard.journal.manifest import manifest_of
from guard.journal.sealing import seal_next
from guard.journal.tombstone import Tombstone
from guard.proof.checkpoint import parse as parse_checkpoint
from guard.proof.note import Signer, parse
from loadtests.specimen import Specimen, counted
from tests.support.sealing import NODE

OTHER_KEY = Ed25519PrivateKey.from_private_bytes(b"a dishonest hand's own key, 32 b")


class Expected(NamedTuple):
    """The first problem of `log` must name a record from `first` to `last`; None: any, or none at all."""

    log: str
    first: int | None = None
    last: int | None = None


class Case:
    """One copy of the journal, and the dice."""

    def __init__(self, journal: Path, specimen: Specimen, rng: Random) -> None:
        self.journal = journal
        self.specimen = specimen
        self.rng = rng
        self.log = rng.choice(logs(journal))
        self.segments = segments(journal, self.log)

    def pick(self, *kinds: str) -> Segment:
        """Any segment of the log that has such a file."""
        return self.rng.choice([one for one in self.segments if any(getattr(one, kind) for kind in kinds)])

    def following(self, segment: Segment) -> Segment | None:
        """The segment after one."""
        return next((one for one in self.segments if one.base > segment.base), None)

    def plain(self) -> tuple[Segment, list[bytes], bytes]:
        """A plain segment, its lines that count, and what stands behind these."""
        segment = self.pick("plain")
        lines = counted(segment, self.following(segment))
        return segment, lines, segment.path(PLAIN).read_bytes()[sum(map(len, lines)) :]

    def flip(self, path: Path, begin: int = 0, end: int | None = None) -> int:
        """Change one bit of a file; gives the byte."""
        data = bytearray(path.read_bytes())
        at = self.rng.randrange(begin, len(data) if end is None else end)
        data[at] ^= 1 << self.rng.randrange(8)
        path.write_bytes(data)
        return at

    def exactly(self, seq: int) -> Expected:
        """This record must be named."""
        return Expected(self.log, seq, seq)


Tampering = Callable[[Case], list[Expected]]


def flip_in_record(case: Case) -> list[Expected]:
    """A bit of a record."""
    segment, lines, _ = case.plain()
    number = case.rng.randrange(len(lines))
    begin = sum(map(len, lines[:number]))
    case.flip(segment.path(PLAIN), begin, begin + len(lines[number]))
    return [case.exactly(segment.base + number)]


def flip_in_sealed(case: Case) -> list[Expected]:
    """A bit of a sealed file."""
    segment = case.pick("sealed")
    case.flip(segment.path(SEALED))
    return [Expected(case.log, segment.base, manifest_of(segment).end - 1)]


def flip_in_manifest(case: Case) -> list[Expected]:
    """A bit of a manifest."""
    segment = case.pick("manifest")
    case.flip(segment.path(MANIFEST))
    return [case.exactly(segment.base)]


def flip_in_tombstone(case: Case) -> list[Expected]:
    """A bit of a tombstone."""
    segment = case.pick("tombstone")
    case.flip(segment.path(TOMBSTONE))
    return [case.exactly(segment.base)]


def flip_in_checkpoint(case: Case) -> list[Expected]:
    """A bit of a checkpoint."""
    case.flip(case.journal / case.log / CHECKPOINT)
    return [Expected(case.log)]


def delete_record(case: Case) -> list[Expected]:
    """A record, taken out."""
    segment, lines, rest = case.plain()
    number = case.rng.randrange(len(lines))
    _put(segment, lines[:number] + lines[number + 1 :], rest)
    return [case.exactly(segment.base + number)]


def duplicate_record(case: Case) -> list[Expected]:
    """A record, twice; where the second is behind all others it stands in the next one's place."""
    segment, lines, rest = case.plain()
    number = case.rng.randrange(len(lines))
    _put(segment, lines[: number + 1] + lines[number:], rest)
    return [case.exactly(segment.base + number + 1)]


def swap_neighbours(case: Case) -> list[Expected]:
    """Two records, the other way round."""
    segment, lines, rest = case.plain()
    number = case.rng.randrange(len(lines) - 1)
    lines[number : number + 2] = lines[number + 1], lines[number]
    _put(segment, lines, rest)
    return [case.exactly(segment.base + number)]


def cut_in_record(case: Case) -> list[Expected]:
    """Some bytes of a record, taken out."""
    segment, lines, rest = case.plain()
    number = case.rng.randrange(len(lines))
    line = lines[number]
    begin = case.rng.randrange(len(line))
    end = case.rng.randint(begin + 1, len(line))
    lines[number] = line[:begin] + line[end:]
    _put(segment, lines, rest)
    return [case.exactly(segment.base + number)]


def insert_forged(case: Case) -> list[Expected]:
    """A record that is linked to the one before it, and pushes the others on."""
    segment, lines, rest = case.plain()
    number = case.rng.randrange(1, len(lines))
    lines.insert(number, link(b'{"kind":"prompt","forged":true}', _behind(lines[number - 1]))[0])
    _put(segment, lines, rest)
    return [case.exactly(segment.base + number + 1)]


def edit_and_link(case: Case) -> list[Expected]:
    """A record that was changed and given the chain that it then has: the next one does not follow it."""
    segment, lines, rest = case.plain()
    number = case.rng.randrange(1, len(lines) - 1)
    lines[number] = link(b'{"kind":"prompt","forged":true}', _behind(lines[number - 1]))[0]
    _put(segment, lines, rest)
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
    _put(one, lines, rest)
    _put(two, lines2, rest2)
    places = sorted([(case.log, one.base + number), (other.log, two.base + number2)])
    return [Expected(log, seq, seq) for log, seq in dict(reversed(places)).items()]


def delete_file(case: Case) -> list[Expected]:
    """Any file of a segment."""
    segment = case.rng.choice(case.segments)
    path = case.rng.choice([path for kind in KINDS if (path := segment.path(kind)).exists()])
    path.unlink()
    return [case.exactly(segment.base)]


def delete_checkpoint(case: Case) -> list[Expected]:
    """A log's checkpoint."""
    (case.journal / case.log / CHECKPOINT).unlink()
    return [Expected(case.log)]


def delete_segment(case: Case) -> list[Expected]:
    """A segment with all that was said of it."""
    segment = case.rng.choice(case.segments)
    _remove(segment)
    return [case.exactly(segment.base)]


def delete_log(case: Case) -> list[Expected]:
    """A log with all that was said of it."""
    shutil.rmtree(case.journal / case.log)
    return [Expected(case.log)]


def cut_tail(case: Case) -> list[Expected]:
    """The end of the newest file."""
    segment = case.segments[-1]
    data = segment.path(PLAIN).read_bytes()
    cut = case.rng.randrange(len(data))
    segment.path(PLAIN).write_bytes(data[:cut])
    return [case.exactly(segment.base + data.count(b"\n", 0, cut))]


def roll_back(case: Case) -> list[Expected]:
    """A log as it was before, with the checkpoint that it had then."""
    size, note = case.rng.choice(case.specimen.older[case.log][:-1])
    for segment in case.segments:
        if segment.base >= size:
            _remove(segment)
    (case.journal / case.log / CHECKPOINT).write_bytes(note)
    newest = max((one for one in case.segments if one.base < size), key=lambda one: one.base)
    _put(newest, counted(newest, case.following(newest)), b"")
    return [case.exactly(size)]


def append_to_finished(case: Case) -> list[Expected]:
    """Something behind the records of a file that nothing comes to any more."""
    segment = case.rng.choice([one for one in case.segments[:-1] if one.plain])
    following = case.following(segment)
    assert following is not None
    data = segment.path(PLAIN).read_bytes()
    if len(data) > sum(map(len, counted(segment, following))):
        return []  # after a failure anything may stand there, and counts for nothing
    segment.path(PLAIN).write_bytes(data + b"more")
    return [case.exactly(following.base)]


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
            position, edited = _behind(kept[-1]), segment.base + len(kept)
        records = [_record(line) for line in lines[len(kept) :]]
        if segment.base + len(kept) == edited:
            records[0] = b'{"kind":"prompt","forged":true}'
        made, position = bind(records, position)
        segment.path(PLAIN).write_bytes(b"".join(kept) + made + rest)
    return [Expected(case.log, signed, edited)]


def seal_anew(case: Case) -> list[Expected]:
    """A sealed segment whose records were changed, chained and sealed anew, with a key of one's own."""
    segment = case.pick("sealed")
    manifest = manifest_of(segment)
    lines = zstd.decompress(segment.path(SEALED).read_bytes()).splitlines(keepends=True)
    records = [_record(line) for line in lines]
    records[case.rng.randrange(1, len(records))] = b'{"kind":"prompt","forged":true}'
    made, _ = bind(records, Position(segment.base, manifest.before))
    forge = case.journal / "forge"
    folder = forge / case.log
    folder.mkdir(parents=True)
    (folder / segment.path(PLAIN).name).write_bytes(made)
    earlier = segments(case.journal, case.log)[[one.base for one in case.segments].index(segment.base) - 1]
    shutil.copy(earlier.path(MANIFEST), folder)
    (folder / f"{manifest.end:016d}{PLAIN}").touch()
    hand = Signer(f"{NODE}/{case.log}", OTHER_KEY)
    seal_next(forge, case.log, hand, case.specimen.keys_of(case.log))
    for kind in (SEALED, MANIFEST):
        shutil.copy(folder / segment.path(kind).name, segment.path(kind))
    shutil.rmtree(forge)
    return [case.exactly(segment.base)]


def compress_anew(case: Case) -> list[Expected]:
    """A sealed file with the same records, compressed in another way."""
    segment = case.pick("sealed")
    segment.path(SEALED).write_bytes(zstd.compress(zstd.decompress(segment.path(SEALED).read_bytes()), 1))
    return [Expected(case.log, segment.base, manifest_of(segment).end - 1)]


def swap_files(case: Case) -> list[Expected]:
    """Two files of one kind, of one log or of two, in each other's place."""
    other = Case(case.journal, case.specimen, case.rng)
    kind = case.rng.choice(("plain", "sealed", "manifest", "tombstone"))
    one, two = case.pick(kind), other.pick(kind)
    if one == two:
        return []
    path, path2 = (segment.path(SUFFIXES[kind]) for segment in (one, two))
    kept = path.read_bytes()
    path.write_bytes(path2.read_bytes())
    path2.write_bytes(kept)
    if one.log == two.log:
        return [case.exactly(min(one.base, two.base))]
    return [case.exactly(one.base), other.exactly(two.base)]


def bury_falsely(case: Case) -> list[Expected]:
    """Sealed records, deleted, with a tombstone of one's own or of another segment."""
    segment = case.pick("sealed")
    stone = Tombstone.over(segment.path(MANIFEST).read_bytes(), at=1.0, actor="somebody", reason="none")
    note = stone.sign(Signer(f"{NODE}/{case.log}", OTHER_KEY))
    if case.rng.random() < 0.5:
        note = case.pick("tombstone").path(TOMBSTONE).read_bytes()
    segment.path(TOMBSTONE).write_bytes(note)
    segment.path(SEALED).unlink()
    return [case.exactly(segment.base)]


def edit_tombstone(case: Case) -> list[Expected]:
    """Another name in a tombstone, under the signature that it had."""
    segment = case.pick("tombstone")
    path = segment.path(TOMBSTONE)
    path.write_bytes(path.read_bytes().replace(b'"actor":"ada"', b'"actor":"bob"'))
    return [case.exactly(segment.base)]


def edit_manifest(case: Case) -> list[Expected]:
    """Another number in a manifest, under the signature that it had, or one of one's own."""
    segment = case.pick("manifest")
    manifest = manifest_of(segment)
    forged = msgspec.structs.replace(manifest, to=(manifest.to or 0) + 1, plain=manifest.plain)
    note = forged.sign(Signer(f"{NODE}/{case.log}", OTHER_KEY))
    if case.rng.random() < 0.5:
        signatures = segment.path(MANIFEST).read_bytes().partition(b"\n\n")[2]
        note = note.partition(b"\n\n")[0] + b"\n\n" + signatures
    segment.path(MANIFEST).write_bytes(note)
    return [case.exactly(segment.base)]


def forge_checkpoint(case: Case) -> list[Expected]:
    """A checkpoint with a key of one's own, or another log's."""
    path = case.journal / case.log / CHECKPOINT
    checkpoint = parse_checkpoint(parse(path.read_bytes()).text)
    note = checkpoint.sign(Signer(f"{NODE}/{case.log}", OTHER_KEY))
    if case.rng.random() < 0.5:
        other = case.rng.choice([log for log in logs(case.journal) if log != case.log])
        note = (case.journal / other / CHECKPOINT).read_bytes()
    path.write_bytes(note)
    return [Expected(case.log)]


def pose_as_another(case: Case) -> list[Expected]:
    """One log's files in the place of another's."""
    other = case.rng.choice([log for log in logs(case.journal) if log != case.log])
    shutil.rmtree(case.journal / case.log)
    shutil.copytree(case.journal / other, case.journal / case.log)
    return [case.exactly(0)]


KINDS = (PLAIN, SEALED, MANIFEST, TOMBSTONE)
SUFFIXES = dict(zip(("plain", "sealed", "manifest", "tombstone"), KINDS, strict=True))

TAMPERINGS: tuple[Tampering, ...] = (
    flip_in_record, flip_in_sealed, flip_in_manifest, flip_in_tombstone, flip_in_checkpoint, delete_record,
    duplicate_record, swap_neighbours, cut_in_record, insert_forged, edit_and_link, swap_records, delete_file,
    delete_checkpoint, delete_segment, delete_log, cut_tail, roll_back, append_to_finished, chain_anew, seal_anew,
    compress_anew, swap_files, bury_falsely, edit_tombstone, edit_manifest, forge_checkpoint, pose_as_another,
)  # fmt: skip


def _put(segment: Segment, lines: list[bytes], rest: bytes) -> None:
    segment.path(PLAIN).write_bytes(b"".join(lines) + rest)


def _remove(segment: Segment) -> None:
    for kind in KINDS:
        segment.path(kind).unlink(missing_ok=True)


def _behind(line: bytes) -> Position:
    """Where a log is behind a record."""
    entry = split(line)
    assert entry is not None
    return Position(entry.seq + 1, entry.chain)


def _record(line: bytes) -> bytes:
    """A record as it was before it was linked."""
    entry = split(line)
    assert entry is not None
    return b"{" + entry.data.partition(b",")[2] + b"}"
