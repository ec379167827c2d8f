"""Where the journal is that the commands are about."""

from __future__ import annotations

from pathlib import Path

from guard.cli.errors import TroubleError
from guard.cli.options import configuration


def journal_folder(config: Path | None) -> Path:
    """The folder the configured journal is in.

    Raises:
        TroubleError: there is none.
    """
    settings = configuration(config)
    folder = Path(settings.state) / settings.journal.dir
    if not folder.is_dir():
        raise TroubleError(f"there is no journal at {folder}; `guard serve` begins one")
    return folder
