"""Changes to the journal, as commands make and read them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from guard.cli.errors import TroubleError, failed
from guard.cli.log.folder import journal_folder
from guard.cli.options import configuration, filled
from guard.custody import control
from guard.custody.holds import Hold, in_force
from guard.proof.node import node_name

incident_option = click.option(
    "--incident", required=True, metavar="ID", callback=filled, help="The incident that it is for."
)


def change(
    config: Path | None, what: dict[str, Any], *, actor: str | None, reason: str, incident: str | None
) -> dict[str, Any]:
    """Write a change into the control log; gives its record.

    Raises:
        TroubleError: it cannot be written; the message says why.
    """
    folder = journal_folder(config)
    try:
        node = node_name(Path(configuration(config, keys=False).state))
        return control.append(folder, what, actor=actor, reason=reason, incident=incident, node=node)
    except (control.ControlError, ValueError) as error:
        raise TroubleError(str(error)) from None
    except OSError as error:
        raise TroubleError(
            f"the control log in {folder} cannot be written, so that nothing has changed: {failed(error)}"
        ) from None


def held(config: Path | None) -> list[Hold]:
    """The holds in force.

    Raises:
        TroubleError: the control log cannot be relied on; nothing is deleted then, and `guard log verify` tells more.
    """
    try:
        return in_force(control.changes(journal_folder(config)))
    except control.ControlError as error:
        raise TroubleError(f"{error}; nothing is deleted while that is so") from None
