"""Verifying one segment: each record, and what the manifest says of all of them. This is what is done in parallel."""

from __future__ import annotations

import os
from hashlib import sha256
from typing import BinaryIO, NamedTuple

from guard.archive.damage import Damage, Problem
from guard.archive.head import head_of, parse_head, stray
from guard.archive.lines import blocks
from guard.archive.manifest import Manifest
from guard.archive.sealed import Sealed
from guard.archive.walk import Walk
from guard.journal.chain import Position
from guard.journal.folder import PLAIN, Segment, open_file
from guard.proof.note import NoteError
from guard.proof.tree import Range


class Task(NamedTuple):
    """A segment to verify.

    `before` is the chain before its first record (None: not known); `following` the next segment (None: this is the
    newest); `sizes` are those at which the log's tree is asked for.
    """

    segment: Segment
    before: bytes | None
    following: Segment | None
    manifest: Manifest | None
    sizes: tuple[int, ...] = ()

    @property
    def end(self) -> int | None:
        """The first number that is not the segment's."""
        return None if self.following is None else self.following.base


class Result(NamedTuple):
    """What came of it: where the records end, the tree over them, and at the sizes asked for; or what is wrong.

    `gone`: the file was no longer there.
    """

    position: Position | None = None
    leaves: Range | None = None
    at: dict[int, Range] = {}  # noqa: RUF012  a named tuple's default, which nobody changes
    problem: Problem | None = None
    gone: bool = False


def check(task: Task) -> Result:
    """Verify a segment that has its records."""
    walk = None
    try:
        if task.segment.plain:
            walk = _plain(task)
        if task.manifest is not None and (task.segment.sealed or walk is None):
            walk = _same(task, walk, _sealed(task, task.manifest))
    except Damage as damage:
        return Result(problem=damage.problem)
    except FileNotFoundError:
        return Result(gone=True)
    except OSError as error:
        reason = f"it cannot be read ({(error.strerror or str(error)).lower()})"
        return Result(problem=Problem(task.segment.log, reason, task.segment.base, _name(task.segment)))
    assert walk is not None
    return Result(walk.position, walk.leaves, walk.at)


def _plain(task: Task) -> Walk:
    segment = task.segment
    walk = Walk(segment, _name(segment), task.before, task.end, task.sizes)
    with open_file(segment.path(PLAIN)) as file:
        for block in blocks(file):
            if not _take(walk, block):
                break
        if problem := walk.missing() or _headless(walk) or _behind(walk, file, task):
            raise Damage(problem)
    return walk


def _take(walk: Walk, block: bytes) -> bool:
    """Follow a block; the first record is looked at by itself."""
    if walk.lines == 0:
        cut = block.find(b"\n") + 1
        if not walk.take(block[:cut] if cut else block):
            return False
        _check_head(walk, block[:cut])
        block = block[cut:]
    return walk.take(block)


def _check_head(walk: Walk, line: bytes) -> None:
    """A segment begins by saying so, and of which log it is: two logs' first segments have no other difference."""
    log, base = walk.segment.log, walk.segment.base
    head = parse_head(line)
    if head is None:
        raise Damage(Problem(log, "the first record of a segment should say that it is one", base, walk.file, 0, 1))
    if head.get("log") != log:
        reason = f"this is a segment of the log {str(head.get('log'))[:32]!r}"
        raise Damage(Problem(log, reason, base, walk.file, 0, 1))


def _headless(walk: Walk) -> Problem | None:
    """A segment has its first record before it has its name."""
    if walk.lines:
        return None
    return Problem(walk.segment.log, "the file does not begin with a record", walk.position.seq, walk.file, 0, 1)


def _behind(walk: Walk, file: BinaryIO, task: Task) -> Problem | None:
    """What is wrong with what stands behind the records, in a file that nothing comes to any more."""
    size = os.fstat(file.fileno()).st_size - walk.size
    if task.following is None or size == 0:
        return None
    try:
        reason = stray(size, head_of(task.following))
    except (Damage, NoteError, OSError):
        return None  # it is damaged itself, and that is told
    if reason is None:
        return None
    return Problem(task.segment.log, reason, walk.position.seq, walk.file, walk.size, walk.lines + 1)


def _sealed(task: Task, manifest: Manifest) -> Walk:
    with Sealed(task.segment, manifest) as sealed:
        walk = Walk(task.segment, sealed.name, task.before, manifest.end, task.sizes)
        digest = sha256()
        for number, frame in enumerate(manifest.frames):
            raw = sealed.raw(number)
            digest.update(raw)
            block = sealed.decompress(number, raw)
            if frame.first != walk.position.seq or not _take(walk, block):
                raise Damage(_differs(task, sealed.name, f"frame {number} holds others than its manifest says"))
        for piece in sealed.left_out():
            digest.update(piece)
        if problem := walk.missing() or _other(walk, manifest, digest.hexdigest(), task):
            raise Damage(problem)
    return walk


def _same(task: Task, plain: Walk | None, sealed: Walk) -> Walk:
    """The plain file that may still be beside the sealed one holds the same."""
    if plain is not None and (plain.position, plain.leaves) != (sealed.position, sealed.leaves):
        raise Damage(_differs(task, plain.file, "its records are not those in the sealed file beside it"))
    return sealed


def _other(walk: Walk, manifest: Manifest, digest: str, task: Task) -> Problem | None:
    """What the manifest says else than what was found."""
    if (walk.position, walk.leaves) != (manifest.goes_on, manifest.leaves):
        return _differs(task, walk.file, "its records are not those that its manifest was signed for")
    if digest != manifest.sha256:
        return _differs(task, walk.file, "the file is not the one that its manifest was signed for (SHA-256)")
    return None


def _differs(task: Task, file: str, reason: str) -> Problem:
    return Problem(task.segment.log, reason, task.segment.base, file)


def _name(segment: Segment) -> str:
    return f"{segment.log}/{segment.path(PLAIN).name}"
