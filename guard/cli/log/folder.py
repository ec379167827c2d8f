"""Where the journal is that the commands are about."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from guard.cli.errors import TroubleError
from guard.cli.options import config_option, configuration
from guard.journal.folder import logs

Command = TypeVar("Command", bound=Callable[..., Any])

_journal_option = click.option(
    "--journal",
    type=click.Path(path_type=Path),
    help="The journal's folder, e.g. a copy; no configuration is needed then.",
)


def journal_options(command: Command) -> Command:
    """The options that say where the journal is: `config` and `journal`."""
    return config_option(_journal_option(command))


def journal_folder(config: Path | None, journal: Path | None = None) -> Path:
    """The journal's folder: the one given, else the configured one, for which no keys are needed.

    Raises:
        TroubleError: there is none.
    """
    if journal is not None:
        if not _is_journal(journal):
            raise TroubleError(f"there is no journal at {journal}; expected a folder with folders w1, w2, … in it")
        return journal
    settings = configuration(config, keys=False)
    folder = Path(settings.state) / settings.journal.dir
    if not _is_journal(folder):
        raise TroubleError(f"there is no journal at {folder}; `guard serve` begins one")
    return folder


def _is_journal(folder: Path) -> bool:
    """Whether it has logs, or at least the lock file of one: of any other folder nothing is to be told, least of all
    that it is sound.
    """
    return bool(logs(folder)) or any(folder.glob("*.lock"))
