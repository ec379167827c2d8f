"""`guard log search`: the exchanges that are looked for, a line each."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from guard.cli.errors import tell
from guard.cli.log.filters import filter_options
from guard.cli.log.folder import journal_folder, journal_options
from guard.cli.log.progress import progress
from guard.cli.options import json_option
from guard.cli.output import console

if TYPE_CHECKING:
    from guard.evidence.filters import Filters
    from guard.evidence.order import Item


@click.command()
@filter_options
@click.option("--limit", type=click.IntRange(1), help="The newest so many, and look no further than for those.")
@journal_options
@json_option
def search(filters: Filters, limit: int | None, config: Path | None, journal: Path | None, as_json: bool) -> None:
    """Print the exchanges in which TEXT stands and that all filters let through, by the time they began.

    TEXT is looked for in prompts, outputs and bodies. A filter that is given several times wants any of its values.
    Without TEXT and filters these are all exchanges.
    """
    folder = journal_folder(config, journal)
    found = _all(folder, filters, brief=not as_json) if limit is None else _newest(folder, filters, limit, not as_json)
    if as_json:
        for _, data in found:
            click.echo(data)
        return
    import orjson

    from guard.cli.exchange import line

    screen = console()
    for _, data in found:
        screen.print(line(orjson.loads(data)))


def _all(folder: Path, filters: Filters, *, brief: bool) -> Iterator[Item]:
    from guard.evidence.order import Items, Ordered
    from guard.evidence.scan import Scan

    with Ordered() as ordered:
        with progress() as told:
            for made in Scan(folder, filters, partial(Items, brief=brief), note=tell, progress=told).run():
                for item in made:
                    ordered.put(item)
        yield from ordered.items()


def _newest(folder: Path, filters: Filters, limit: int, brief: bool) -> Iterator[Item]:
    from guard.evidence.order import Items
    from guard.evidence.reader import Newest
    from guard.evidence.scan import Scan

    newest = Newest(limit)
    with progress() as told:
        scan = Scan(
            folder,
            filters,
            partial(Items, brief=brief),
            note=tell,
            newest_first=True,
            enough=newest.enough,
            progress=told,
        )
        for made in scan.run():
            for item in made:
                newest.put(item[0], item)
    yield from newest.items()
