"""`kill -9` at random under load, again and again: every id that a client or a model saw is in the journal.

    make kills [ARGS=--help]

Each round starts a guard on the journal that the rounds before left, puts clients on it, and kills it at a random
moment. Passes (exit code 0) if no id is missing, the guard starts within five seconds each time, and
`guard log verify` finds the journal sound.
"""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import click
import orjson

from loadtests.ledger import Ledger, client, model
from loadtests.serving import await_keeper, serving

CLIENTS = 8
MOST_SECONDS = 0.5
RECOVERY_SECONDS = 5.0
# Small, so that many kills meet a rotation.
JOURNAL = {"segment_bytes": 50_000}
HELD_AGAINST = 25


async def _round(folder: Path, port: int, ledger: Ledger, rng: random.Random) -> float:
    """Start a guard, load it, kill it; returns how many seconds the start took."""
    started = time.monotonic()
    with serving(folder, port, http={}, upstream={}, journal=JOURNAL) as guard:
        took = time.monotonic() - started
        clients = [asyncio.create_task(client(guard.port, ledger, random.Random(rng.random()))) for _ in range(CLIENTS)]
        await asyncio.sleep(rng.random() * MOST_SECONDS)
        guard.kill()
        await asyncio.gather(*clients)
    return took


async def run(kills: int, seed: int, folder: Path) -> dict[str, Any]:
    """So many rounds on one journal, which is held against the ledger every few of them."""
    rng = random.Random(seed)
    ledger = Ledger()
    journal = folder / "state" / "journal"
    report = {"kills": kills, "clients": 0, "model": 0, "missing": 0, "slowest_start": 0.0}
    async with model(ledger) as port:
        for number in range(1, kills + 1):
            report["slowest_start"] = max(report["slowest_start"], await _round(folder, port, ledger, rng))
            if number % HELD_AGAINST == 0 or number == kills:
                report["clients"] += len(ledger.clients)
                report["model"] += len(ledger.model)
                report["missing"] += len(ledger.missing(journal))
                ledger.forget()
        # The last one ends well, and its keeper has the time to sign.
        with serving(folder, port, http={}, upstream={}, journal=JOURNAL):
            pass
    await_keeper(folder / "state")
    return report


def verified(folder: Path) -> bool:
    """Whether `guard log verify` finds the journal of a guard sound; what it says goes to stderr."""
    words = [sys.executable, "-m", "guard.cli", "log", "verify", "--config", str(folder / "guard.yaml")]
    return subprocess.run(words, stdout=sys.stderr, check=False).returncode == 0


@click.command(help=__doc__)
@click.option("--kills", type=click.IntRange(1), default=500, show_default=True, help="How many.")
@click.option("--seed", type=int, default=1, show_default=True, help="When each comes, and what is asked.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of lines.")
def main(kills: int, seed: int, as_json: bool) -> None:
    """Kill, and end with 1 if anything is missing."""
    with tempfile.TemporaryDirectory(prefix="kills-") as place:
        report = asyncio.run(run(kills, seed, Path(place)))
        report["sound"] = verified(Path(place))
    if as_json:
        sys.stdout.buffer.write(orjson.dumps(report, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    else:
        click.echo(
            f"{report['kills']} kills; {report['clients']:,} ids seen by clients, {report['model']:,} by the model, "
            f"{report['missing']} of them not in the journal; slowest start {report['slowest_start']:.2f} s; "
            f"the journal is {'sound' if report['sound'] else 'NOT sound'}"
        )
    well = report["sound"] and not report["missing"] and report["slowest_start"] < RECOVERY_SECONDS
    sys.exit(not well)


if __name__ == "__main__":
    main()
