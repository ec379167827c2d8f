"""What a dishonest hand does to files, and to what is signed."""

from __future__ import annotations

import shutil

import msgspec

from guard.archive.compression import zstd
from guard.archive.manifest import manifest_of
from guard.archive.sealing import seal_next
from guard.archive.tombstone import Tombstone
from guard.journal.chain import Position, bind
from guard.journal.folder import CHECKPOINT, MANIFEST, PLAIN, SEALED, TOMBSTONE, logs, segments
from guard.proof.checkpoint import parse as parse_checkpoint
from guard.proof.note import Signer, parse
from loadtests.specimen import counted
from loadtests.tampered import KINDS, OTHER_KEY, SUFFIXES, Case, Expected, Tampering, after, put, remove, unlinked
from tests.support.sealing import NODE


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


def delete_file(case: Case) -> list[Expected]:
    """Any file of a segment."""
    segment = case.rng.choice(case.segments)
    path = case.rng.choice([path for kind in KINDS if (path := segment.path(kind)).exists()])
    path.unlink()
    return [case.from_(segment)]


def delete_checkpoint(case: Case) -> list[Expected]:
    """A log's checkpoint."""
    (case.journal / case.log / CHECKPOINT).unlink()
    return [Expected(case.log)]


def delete_segment(case: Case) -> list[Expected]:
    """A segment with all that was said of it."""
    segment = case.rng.choice(case.segments)
    remove(segment)
    return [case.from_(segment)]


def delete_log(case: Case) -> list[Expected]:
    """A log with all that was said of it."""
    shutil.rmtree(case.journal / case.log)
    return [Expected(case.log)]


def roll_back(case: Case) -> list[Expected]:
    """A log as it was before, with the checkpoint that it had then."""
    size, note = case.rng.choice(case.specimen.older[case.log][:-1])
    for segment in case.segments:
        if segment.base >= size:
            remove(segment)
    (case.journal / case.log / CHECKPOINT).write_bytes(note)
    newest = max((one for one in case.segments if one.base < size), key=lambda one: one.base)
    put(newest, counted(newest, case.following(newest)), b"")
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


def plant_segment(case: Case) -> list[Expected]:
    """A segment of one's own between records, as if those behind had been written again after a failure."""
    segment, lines, _ = case.plain()
    number = case.rng.randrange(1, len(lines))
    head = b'{"kind":"segment","at":1000.0,"log":"%b","after":"failure","torn":0}' % case.log.encode()
    made, position = bind([head, b'{"kind":"prompt","forged":true}'], after(lines[number - 1]))
    (segment.folder / f"{segment.base + number:016d}{PLAIN}").write_bytes(made)
    if segment == case.segments[-1] and number + 2 == len(lines):
        return [Expected(case.log, max(manifest_of(one).end for one in case.segments if one.manifest), position.seq)]
    following = case.following(segment)
    return [case.exactly(min(position.seq, following.base) if following else position.seq)]


def seal_anew(case: Case) -> list[Expected]:
    """A sealed segment whose records were changed, chained and sealed anew, with a key of one's own."""
    segment = case.pick("sealed")
    manifest = manifest_of(segment)
    lines = zstd.decompress(segment.path(SEALED).read_bytes()).splitlines(keepends=True)
    records = [unlinked(line) for line in lines]
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


FILES: tuple[Tampering, ...] = (
    flip_in_sealed,
    flip_in_manifest,
    flip_in_tombstone,
    flip_in_checkpoint,
    delete_file,
    delete_checkpoint,
    delete_segment,
    delete_log,
    roll_back,
    append_to_finished,
    plant_segment,
    seal_anew,
    compress_anew,
    swap_files,
    bury_falsely,
    edit_tombstone,
    edit_manifest,
    forge_checkpoint,
    pose_as_another,
)
