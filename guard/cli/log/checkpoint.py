"""`guard log checkpoint`: the newest signed checkpoints, to keep elsewhere."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path
from typing import Any

import click

from guard.cli.errors import TroubleError
from guard.cli.log.folder import journal_folder, journal_options
from guard.cli.options import json_option
from guard.cli.output import emit


@click.command()
@click.argument("log", required=False)
@journal_options
@json_option
def checkpoint(log: str | None, config: Path | None, journal: Path | None, as_json: bool) -> None:
    """Print the newest signed checkpoint of LOG, or of each log, to keep where nobody who can change the journal is.

    `guard log verify --checkpoint FILE` holds the journal against what was kept.
    """
    from guard.journal.folder import logs

    folder = journal_folder(config, journal)
    names = logs(folder)
    if log is not None and log not in names:
        raise TroubleError(f"there is no log {log}; there are: {', '.join(names) or 'none'}")
    found = {name: note for name in ([log] if log else names) if (note := _note(folder / name)) is not None}
    if not found:
        raise TroubleError("there is no checkpoint yet; one is signed soon after `guard serve` has written records")
    if as_json:
        emit([_document(name, note) for name, note in found.items()])
    else:
        click.echo("\n".join(note.decode(errors="replace") for note in found.values()), nl=False)


def _note(folder: Path) -> bytes | None:
    from guard.archive.statement import read
    from guard.journal.folder import CHECKPOINT

    try:
        return read(folder / CHECKPOINT)
    except FileNotFoundError:
        return None


def _document(log: str, note: bytes) -> dict[str, Any]:
    from guard.proof.checkpoint import parse
    from guard.proof.note import NoteError
    from guard.proof.note import parse as parse_note

    try:
        found = parse(parse_note(note).text)
    except NoteError as error:
        raise TroubleError(f"the checkpoint of {log} is damaged: {error}; `guard log verify` tells more") from None
    root = b64encode(found.root).decode()
    return {"log": log, "origin": found.origin, "size": found.size, "root": root, "note": note.decode()}
