"""`guard log verify`: is the journal what was written?"""

from __future__ import annotations

import sys
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import TYPE_CHECKING

import click

from guard.cli.errors import TroubleError, failed, tell
from guard.cli.log.folder import journal_folder, journal_options
from guard.cli.log.progress import progress
from guard.cli.options import configuration, json_option
from guard.cli.output import console, emit
from guard.cli.visible import visible

if TYPE_CHECKING:
    from guard.evidence.verify import LogReport, Outside, Report
    from guard.proof.note import Verifier


@click.command()
@click.option(
    "--checkpoint", "kept", multiple=True, type=click.Path(path_type=Path), help="A file of checkpoints kept elsewhere."
)
@click.option("--key", "named", multiple=True, help="A verifier key to trust, or a file of them, and no other.")
@journal_options
@json_option
def verify(
    kept: tuple[Path, ...], named: tuple[str, ...], config: Path | None, journal: Path | None, as_json: bool
) -> None:
    """Verify every record, manifest, tombstone and checkpoint, and name the first that is not what was written.

    With --journal, name the --key to trust: there is no configuration then to say whose the journal is.
    """
    from guard.evidence.verify import verify as verified

    keys = _named_keys(named) if named else [] if journal else _own_keys(config)
    folder = journal_folder(config, journal)
    outside = _outside(kept)
    try:
        with progress() as told:
            report = verified(folder, keys, outside, told)
    except BrokenProcessPool:
        raise TroubleError("a process that was verifying was killed, perhaps for want of memory") from None
    if as_json:
        emit(report.document())
    else:
        _print(report)
    if report.problems and not keys:
        tell("no key was named to trust; name one with --key (`guard log key`, where the guard runs, prints it)")
    sys.exit(not report.sound)


def _own_keys(config: Path | None) -> list[Verifier]:
    from guard.proof.keys import known_keys

    try:
        return known_keys(Path(configuration(config, keys=False).state))
    except ValueError as error:
        raise TroubleError(str(error)) from None


def _named_keys(named: tuple[str, ...]) -> list[Verifier]:
    """Keys, and what is in files of keys."""
    from guard.proof.keys import read_keys
    from guard.proof.note import NoteError

    keys = []
    for one in named:
        text = one if "+" in one and not Path(one).is_file() else _read(Path(one)).decode(errors="replace")
        try:
            keys += read_keys(text)
        except NoteError as error:
            raise TroubleError(f"{one}: {error}") from None
    return keys


def _outside(kept: tuple[Path, ...]) -> list[Outside]:
    from guard.evidence.verify import outside
    from guard.proof.note import NoteError

    try:
        return [one for path in kept for one in outside(str(path), _read(path))]
    except NoteError as error:
        raise TroubleError(str(error)) from None


def _read(path: Path) -> bytes:
    from guard.evidence.verify import MAX_FILE_BYTES

    try:
        with path.open("rb") as file:
            return file.read(MAX_FILE_BYTES)
    except OSError as error:
        raise TroubleError(f"{failed(error)}; expected a file") from None


def _print(report: Report) -> None:
    screen = console()
    for log in report.logs:
        screen.print(_line(log))
    for note in report.notes:
        screen.print(visible(note))
    for problem in report.problems:
        screen.print(visible(str(problem)))
    count = len(report.problems)
    screen.print("sound" if report.sound else f"not sound: {count} problem{'s' if count > 1 else ''}")


def _where(log: LogReport) -> str:
    """Which records they are; where one is bad, only those before it are known to be in their places."""
    if log.whole == log.end:
        return f"{log.first} to {log.end - 1}"
    return f"whole up to {log.whole - 1}" if log.whole else "not whole from the first on"


def _line(log: LogReport) -> str:
    where = f" ({_where(log)})" if log.records else ""
    deleted = f", {log.deleted:,} deleted" if log.deleted else ""
    checkpoint = "no checkpoint that counts" if log.checkpoint is None else f"checkpoint of {log.checkpoint:,}"
    segments = f"{log.segments} segment{'s' * (log.segments != 1)}, {log.sealed} of them sealed"
    return f"{log.log}: {log.records:,} record{'s' * (log.records != 1)}{where}{deleted}; {segments}; {checkpoint}"
