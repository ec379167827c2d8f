"""`guard log export`: exchanges in a file, to be carried away."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from guard.cli.errors import TroubleError, tell
from guard.cli.log.filters import filter_options
from guard.cli.log.folder import journal_folder, journal_options
from guard.cli.log.progress import progress
from guard.cli.options import actor_option, json_option
from guard.cli.output import emit

if TYPE_CHECKING:
    from guard.evidence.export import Exported
    from guard.evidence.filters import Filters

EXPORT = "export"


@click.command()
@filter_options
@click.option("--format", "form", type=click.Choice(("jsonl", "parquet")), default="jsonl", show_default=True)
@click.option("--output", type=click.Path(path_type=Path), required=True, help="The file; it must not be there yet.")
@click.option("--purpose", default="", help="What it is for, for whoever reads the control log.")
@click.option("--incident", metavar="ID", help="The incident that it is for.")
@click.option("--unrecorded", is_flag=True, help="Leave the control log alone: for a copy that must not change.")
@actor_option
@journal_options
@json_option
def export(
    filters: Filters,
    form: str,
    output: Path,
    purpose: str,
    incident: str | None,
    unrecorded: bool,
    actor: str | None,
    config: Path | None,
    journal: Path | None,
    as_json: bool,
) -> None:
    """Write the exchanges that `guard log search` would print into a file, whole, as JSON lines or Parquet.

    That this was done, by whom, and the file's SHA-256 are written into the journal's control log first.
    """
    from guard.custody.control import ControlError, append
    from guard.evidence import export as exporting
    from guard.evidence.table import MissingExtraError

    folder = journal_folder(config, journal)
    if not output.parent.is_dir():
        raise TroubleError(f"there is no folder {output.parent}; expected one that is there to put {output.name} into")

    def record(exported: Exported) -> None:
        if not unrecorded:
            what = _change(filters, form, output, exported)
            append(folder, what, actor=actor, reason=purpose, incident=incident)

    try:
        with progress() as told:
            exported = exporting.export(folder, filters, form, output, record, note=tell, progress=told)
    except MissingExtraError as error:
        raise TroubleError(str(error)) from None
    except ControlError as error:
        raise TroubleError(f"{error}; nothing was exported. With --unrecorded it can be") from None
    if as_json:
        emit({"file": str(output), "format": form, **exported._asdict()})
    else:
        click.echo(f"{exported.exchanges} exchanges in {output}, SHA-256 {exported.sha256}")


def _change(filters: Filters, form: str, output: Path, exported: Exported) -> dict[str, Any]:
    return {
        "type": EXPORT,
        "format": form,
        "file": str(output.absolute()),
        "filters": filters.told(),
        **exported._asdict(),
    }
