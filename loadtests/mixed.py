"""Tagged requests in every way there is: each must get its own answer. `python -m loadtests.mixed`."""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import click
import orjson

from loadtests.asker import Asker
from loadtests.scripted import ScriptedModel, scripted
from loadtests.serving import Guard, serving

HTTP = {"header_timeout": 20, "body_timeout": 20}
SETTLE_SECONDS = 10
SHOWN = 10


@click.command(help=__doc__)
@click.option("--requests", type=click.IntRange(1), default=10_000, show_default=True, help="How many, or a few more.")
@click.option("--connections", type=click.IntRange(1), default=32, show_default=True, help="Clients at a time.")
@click.option("--seed", type=int, default=1, show_default=True, help="What is asked, and how, in the same order.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of lines.")
def main(requests: int, connections: int, seed: int, as_json: bool) -> None:
    """Ask, hold the answers and the model's record against the tags, and end with 1 if anything does not match."""
    report = asyncio.run(_run(requests, connections, seed))
    if as_json:
        sys.stdout.buffer.write(orjson.dumps(report, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    else:
        _print(report)
    sys.exit(bool(report["mismatches"]))


async def _run(requests: int, connections: int, seed: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="mixed-") as folder:
        async with scripted(seed) as model:
            with serving(Path(folder), model.port, http=HTTP, upstream={"keepalive": 2}) as guard:
                before = guard.descriptors()
                askers = [Asker(guard.port, f"c{number:x}", seed + number) for number in range(connections)]
                started = time.monotonic()
                await asyncio.gather(*[asker.ask(-(-requests // connections)) for asker in askers])
                took = time.monotonic() - started
                after = await _settled(guard, before)
    asked: Counter[str] = sum((asker.asked for asker in askers), Counter())
    mismatches = [line for asker in askers for line in asker.mismatches] + _foreign(model, askers)
    if after > before:
        mismatches.append(f"the guard had {before} descriptors open before, and {after} after it was quiet")
    return {
        "requests": asked.total(),
        "seconds": round(took, 1),
        "ways": dict(sorted(asked.items())),
        "seen_by_model": len(model.seen),
        "descriptors": {"before": before, "after": after},
        "mismatches": mismatches,
    }


async def _settled(guard: Guard, before: int) -> int:
    """How many descriptors are left when what was open has had the time to close."""
    until = time.monotonic() + SETTLE_SECONDS
    while (after := guard.descriptors()) > before and time.monotonic() < until:
        await asyncio.sleep(0.1)
    return after


def _foreign(model: ScriptedModel, askers: list[Asker]) -> list[str]:
    """What the model saw that was not asked so: no request, one of two, one that was refused, one too often."""
    forwarded = {tag for asker in askers for tag in asker.forwarded}
    maybe = {tag for asker in askers for tag in asker.maybe}
    found = [f"the model was sent what is no request: {fault}" for fault in model.faults]
    for seen in model.seen:
        if len({seen.header, seen.target, seen.prompt or seen.header}) > 1:
            found.append(f"the model saw one request with the parts of two: {seen}")
        elif seen.header not in forwarded | maybe:
            found.append(f"the model saw a request that should not have reached it: {seen}")
    counts = Counter(seen.header for seen in model.seen)
    found += [f"{tag} was answered, and the model saw it {counts[tag]} times" for tag in forwarded if counts[tag] != 1]
    return found


def _print(report: dict[str, Any]) -> None:
    for way, count in report["ways"].items():
        click.echo(f"{count:>7,}  {way}")
    click.echo(
        f"{report['requests']:,} requests in {report['seconds']} s, {report['seen_by_model']:,} seen by the model"
    )
    for line in report["mismatches"][:SHOWN]:
        click.echo(line)
    click.echo(f"{len(report['mismatches'])} mismatches")


if __name__ == "__main__":
    main()
