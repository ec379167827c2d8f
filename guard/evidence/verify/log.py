"""Verifying one log: first what there is and what is said about it, then what came of its segments, put together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from guard.archive.damage import Problem
from guard.archive.statement import read
from guard.evidence.verify.outside import Outside
from guard.evidence.verify.report import LogReport
from guard.evidence.verify.segment import Result, Task
from guard.evidence.verify.statements import Stated, Statements
from guard.journal.chain import BEGINNING, split
from guard.journal.folder import CHECKPOINT, PLAIN, Segment, open_file, segments
from guard.proof import checkpoint as checkpoints
from guard.proof.checkpoint import Checkpoint
from guard.proof.keys import for_log
from guard.proof.note import NoteError, Verifier
from guard.proof.tree import Range, merge

WINDOWS = (65_536, 4_194_304, 134_217_728)
"""How far from a file's end the last record that counts is looked for, in bytes, one after the other."""


class Seen(NamedTuple):
    """What there is of a log at a moment: its newest checkpoint, and then its files."""

    checkpoint: bytes | None
    segments: tuple[Segment, ...]


def look(journal: Path, log: str) -> Seen:
    """See what there is. The checkpoint is read first: what it covers is in the files then."""
    try:
        note = read(journal / log / CHECKPOINT)
    except FileNotFoundError:
        note = None
    except OSError:
        note = b""  # it is there, and is no checkpoint
    return Seen(note, tuple(segments(journal, log)))


class Anchor(NamedTuple):
    """A checkpoint that the log is held against, and where it was found."""

    name: str
    checkpoint: Checkpoint


class LogCheck:
    """One log, at the moment it was looked at.

    Attributes:
        tasks: the segments whose records are to be verified.
        problems: what is wrong; more comes with `conclude`.
        notes: what could not be looked into.
    """

    def __init__(
        self,
        journal: Path,
        log: str,
        keys: Sequence[Verifier],
        kept: Iterable[Outside],
        first: Seen | None = None,
    ) -> None:
        """Look at it; `first` is what was seen when it was first looked at: what has come since is for the next time.

        Raises:
            OSError: the folder cannot be read.
        """
        self.log = log
        self.journal = journal
        self.seen = look(journal, log)
        self.first = first or self.seen
        self.notes: list[str] = []
        self._statements = Statements(log, for_log(keys, log))
        self.problems = self._statements.problems
        self._stated = [self._statements.of(segment) for segment in self.seen.segments]
        self.newest = self._statements.checkpoint(self.seen.checkpoint)
        until = self.first.segments[-1].base if self.first.segments else -1
        self._looked_into = [stated for stated in self._stated if stated.segment.base <= until]
        self._anchors = [*self._own(), *self._kept(kept)]
        self._order()
        self.tasks = [task for number in range(len(self._looked_into)) if (task := self._task(number)) is not None]

    @property
    def moved(self) -> bool:
        """Whether there is something else by now than there was."""
        return look(self.journal, self.log) != self.seen

    @property
    def signed(self) -> bool:
        """Whether there is anything signed."""
        return self.seen.checkpoint is not None or any(segment.manifest for segment in self.seen.segments)

    def conclude(self, results: dict[Task, Result]) -> LogReport:
        """Put together what came of the tasks."""
        tree = Range(0, 0)
        roots: dict[int, Range] = {0: tree}
        whole = True
        records = deleted = end = 0
        by_segment = {task.segment: results[task] for task in self.tasks}
        for stated in self._looked_into:
            result = by_segment.get(stated.segment, Result())
            if result.problem is not None:
                self.problems.append(result.problem)
            leaves = result.leaves or (stated.manifest.leaves if stated.manifest and stated.segment.deleted else None)
            whole = whole and leaves is not None and leaves.begin == tree.end
            if leaves is not None:
                records += 0 if stated.segment.deleted else leaves.end - leaves.begin
                deleted += leaves.end - leaves.begin if stated.segment.deleted else 0
                end = leaves.end
            if whole and leaves is not None:
                roots |= {size: merge(tree, part) for size, part in result.at.items()}
                tree = merge(tree, leaves)
                roots[tree.end] = tree
        self._compare(roots, tree.end, whole=whole)
        there = [stated.segment for stated in self._looked_into if not stated.segment.deleted]
        return LogReport(
            self.log,
            records,
            there[0].base if there else end,
            end,
            tree.end,
            deleted,
            len(self._looked_into),
            sum(stated.segment.sealed for stated in self._looked_into),
            self.newest.size if self.newest else None,
        )

    # What there is.

    def _own(self) -> list[Anchor]:
        name = f"{self.log}/{CHECKPOINT}"
        same = self.first.checkpoint == self.seen.checkpoint
        signed = self.newest if same else self._statements.checkpoint(self.first.checkpoint)
        return [Anchor(name, signed)] if signed else []

    def _kept(self, kept: Iterable[Outside]) -> list[Anchor]:
        found = []
        for name, _, note in kept:
            try:
                found.append(Anchor(name, checkpoints.opened(note, self._statements.keys)))
            except NoteError as error:
                self.problems.append(Problem(self.log, f"{error}", None, name))
        return found

    def _order(self) -> None:
        """No segment is missing, as far as manifests tell where each ends; records tell of the others."""
        if self._stated and (first := self._stated[0].segment.base) > 0:
            self._tell(0, f"records 0 to {first - 1} are missing, with all that was said about them")
        for one, following in pairwise(self._stated):
            if one.manifest is not None and not one.segment.plain:
                self._joint(one, following)
        last = self._stated[-1] if self._stated else None
        if last is not None and last.manifest is not None and not last.segment.plain:
            self._tell(last.manifest.end, "this record is missing, with its file: what is sealed is never the last")
        elif self.newest is not None:
            self._behind(self.newest)

    def _behind(self, newest: Checkpoint) -> None:
        """What is sealed was signed for before."""
        end = max((one.manifest.end for one in self._stated if one.manifest), default=0)
        if newest.size < end:
            reason = f"it covers {newest.size} records, but those up to {end - 1} were sealed, which comes after"
            self.problems.append(Problem(self.log, reason, newest.size, f"{self.log}/{CHECKPOINT}"))

    def _joint(self, one: Stated, following: Stated) -> None:
        assert one.manifest is not None
        end, base = one.manifest.end, following.segment.base
        if end < base:
            self._tell(end, f"records {end} to {base - 1} are missing, with their files")
        elif end > base:
            self._tell(base, f"the segment before has the records up to {end - 1}, and this one begins earlier")
        elif following.manifest is not None and following.manifest.before != one.manifest.after:
            self._tell(base, "its manifest is not about what follows the segment before")

    def _task(self, number: int) -> Task | None:
        stated = self._stated[number]
        segment = stated.segment
        following = self._stated[number + 1].segment if number + 1 < len(self._stated) else None
        if segment.deleted or (not segment.plain and stated.manifest is None):
            return None
        manifest = stated.manifest if segment.sealed else None
        end = following.base if following is not None else float("inf")
        wanted = {anchor.checkpoint.size for anchor in self._anchors}
        sizes = tuple(sorted(size for size in wanted if segment.base < size <= end))
        return Task(segment, self._before(number), following, manifest, sizes)

    def _before(self, number: int) -> bytes | None:
        """The chain before a segment, as it is stated where that is."""
        base = self._stated[number].segment.base
        if number == 0:
            return BEGINNING.chain if base == 0 else None
        earlier = self._stated[number - 1]
        if earlier.manifest is not None and earlier.manifest.end == base:
            return earlier.manifest.after
        return stated_chain(earlier.segment, base - 1) if earlier.segment.plain else None

    # What came of it.

    def _compare(self, roots: dict[int, Range], end: int, *, whole: bool) -> None:
        """Hold the log against each checkpoint, the smallest first."""
        right = [0, *(one.manifest.end for one in self._stated if one.manifest and one.proven)]
        for name, (_, size, root, _) in sorted(self._anchors, key=lambda anchor: anchor.checkpoint.size):
            if size in roots:
                if roots[size].root() != root:
                    begin = max((known for known in right if known < size), default=0)
                    self._tell(begin, _differs(begin, size), name)
                    return
                right.append(size)
            elif whole and size > end:
                self._tell(end, f"the log ends before this record, but a checkpoint covers {size} records", name)
                return
            elif whole:
                self.notes.append(f"{self.log}: {name} ends among deleted records, so that it cannot be compared")

    def _tell(self, seq: int, reason: str, file: str | None = None) -> None:
        self.problems.append(Problem(self.log, reason, seq, file))


def _differs(begin: int, size: int) -> str:
    which = f"record {begin}" if begin + 1 == size else f"at least one of the records {begin} to {size - 1}"
    return f"{which} is not what this checkpoint was signed for, and the chain was made anew"


def stated_chain(segment: Segment, seq: int) -> bytes | None:
    """The chain that a record near the end of a plain segment states; None if it is not found."""
    start = b'{"seq":%d,' % seq
    try:
        with open_file(segment.path(PLAIN)) as file:
            size = file.seek(0, 2)
            for window in WINDOWS:
                file.seek(max(size - window, 0))
                for line in reversed(file.read(window).split(b"\n")):
                    if line.startswith(start) and (entry := split(line)):
                        return entry.chain
                if window >= size:
                    break
    except OSError:  # it is told when the segment itself is read
        return None
    return None
