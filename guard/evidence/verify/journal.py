"""Verifying a whole journal, over all cores, also while it is written, sealed and deleted from.

What there is of a log is looked at before its records are read. If something seems wrong and the log has moved on in
the meantime, it is looked at again: only what is wrong with a log that stands still, or again and again, is told.
"""

from __future__ import annotations

import multiprocessing
import os
import re
import signal
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from time import sleep, time

from guard.archive.damage import Damage, Problem
from guard.archive.head import head_of
from guard.evidence.verify.log import LogCheck
from guard.evidence.verify.outside import Outside
from guard.evidence.verify.report import LogReport, Report, ordered
from guard.evidence.verify.segment import Result, Task, check
from guard.journal.folder import PLAIN, SEALED, SHARED, logs
from guard.proof.note import NoteError, Verifier

LOOKS = 6
PAUSE_SECONDS = 0.2
SMALL_BYTES = 33_554_432
"""Less than that is verified before other processes would have started."""
UNSIGNED_SECONDS = 120.0
"""A log that is younger may have no checkpoint yet."""

Progress = Callable[[int, int], None]
"""Takes how many bytes of files are verified, and of how many."""

_LOCK = re.compile(r"(w[1-9][0-9]{0,5})\.lock")


def verify(
    journal: Path,
    keys: Sequence[Verifier],
    kept: Sequence[Outside] = (),
    progress: Progress | None = None,
    processes: int | None = None,
) -> Report:
    """Verify a journal by these keys, and hold it against checkpoints that were kept elsewhere.

    Raises:
        BrokenProcessPool: one of the processes that verify was killed.
        OSError: a folder cannot be read.
    """
    names, problems = _logs(journal, kept)
    checks: dict[str, LogCheck] = {}
    reports: dict[str, LogReport] = {}
    results: dict[Task, Result] = {}
    waiting = list(names)
    for look in range(LOOKS):
        if look:
            sleep(PAUSE_SECONDS)
        checks |= {log: _look(journal, log, keys, kept, checks.get(log)) for log in waiting}
        tasks = [task for log in waiting for task in checks[log].tasks if task not in results]
        results |= dict(_done(tasks, progress, processes))
        reports |= {log: checks[log].conclude(results) for log in waiting}
        waiting = [log for log in waiting if _again(checks[log], results)]
        results = {task: result for task, result in results.items() if result.problem is None and not result.gone}
        if not waiting:
            break
    for log, one in checks.items():
        problems += [*one.problems, *_unsigned(one, list(checks.values())), *_vanished(one, log in waiting)]
    notes = [*_flat(journal), *(note for one in checks.values() for note in one.notes)]
    return Report(tuple(reports.values()), ordered(problems, names), tuple(notes))


def _logs(journal: Path, kept: Iterable[Outside]) -> tuple[list[str], list[Problem]]:
    """The logs there are, and what is wrong about those that are not there."""
    names = logs(journal)
    if not names and not journal.is_dir():
        raise FileNotFoundError(2, "no such file or directory", str(journal))
    problems = []
    numbers = [int(name[1:]) for name in names if name not in SHARED]
    known = {f"w{number}": "later ones are there" for number in range(1, max(numbers, default=0))}
    known |= {lock[1]: "its lock file is there" for lock in map(_LOCK.fullmatch, os.listdir(journal)) if lock}  # noqa: PTH208
    known |= {one.log: f"a checkpoint of it is in {one.name}" for one in kept}
    for log, why in known.items():
        if log not in names:
            problems.append(Problem(log, f"the whole log is missing; {why}", 0))
    return names, problems


def _flat(journal: Path) -> list[str]:
    """An earlier guard wrote its files flat into the folder, and without chains."""
    count = sum(1 for _ in journal.glob("*.jsonl"))
    return (
        [f"{count} files in {journal} are of an earlier guard, and nothing shows whether they are whole"]
        if count
        else []
    )


def _look(
    journal: Path, log: str, keys: Sequence[Verifier], kept: Sequence[Outside], before: LogCheck | None
) -> LogCheck:
    first = before.first if before is not None else None
    return LogCheck(journal, log, keys, [one for one in kept if one.log == log], first)


def _again(one: LogCheck, results: dict[Task, Result]) -> bool:
    """Whether a log is to be looked at again, since what seems wrong may come from its having moved on."""
    return any(results[task].gone for task in one.tasks) or (bool(one.problems) and one.moved)


def _vanished(one: LogCheck, still: bool) -> list[Problem]:
    reason = "the log's files change faster than they can be read; verify it again"
    return [Problem(one.log, reason)] if still and not one.problems else []


def _unsigned(one: LogCheck, others: list[LogCheck]) -> list[Problem]:
    """Where anything is signed, each log has its checkpoint, unless it has just begun."""
    first = next((segment for segment in one.seen.segments if not segment.deleted), None)
    if one.seen.checkpoint is not None or first is None or not any(other.signed for other in others):
        return []
    try:
        began = (head_of(first) or {}).get("at")
    except (Damage, NoteError, OSError):
        began = None
    if isinstance(began, int | float) and time() - began < UNSIGNED_SECONDS:
        return []
    return [Problem(one.log, "the log has no checkpoint, although the journal is one that is signed", file=one.log)]


def _done(tasks: list[Task], progress: Progress | None, processes: int | None) -> Iterator[tuple[Task, Result]]:
    """What came of each task, as it comes; the largest are begun first."""
    sizes = {task: _size(task) for task in tasks}
    total, done = sum(sizes.values()), 0
    cores = processes or _cores(total)
    for task, result in _parallel(sorted(tasks, key=lambda task: -sizes[task]), cores):
        done += sizes[task]
        if progress is not None:
            progress(done, total)
        yield task, result


def _parallel(tasks: list[Task], processes: int) -> Iterator[tuple[Task, Result]]:
    if processes == 1 or len(tasks) < 2:
        for task in tasks:
            yield task, check(task)
        return
    # Not forked: this process may have threads, and a fork takes their locks along.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(processes, len(tasks)), context, _begin) as pool:
        try:
            futures = {pool.submit(check, task): task for task in tasks}
            for future in as_completed(futures):
                yield futures[future], future.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _begin() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for who started this


def _cores(size: int) -> int:
    if size < SMALL_BYTES:
        return 1
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _size(task: Task) -> int:
    try:
        return task.segment.path(PLAIN if task.segment.plain else SEALED).stat().st_size
    except OSError:  # it has just been sealed, or deleted
        return 0
