"""What it costs to share limits with other guards: the same guard with a store and without, in turns.

    make sharing [ARGS=--help]

`alone` counts its limit by itself, `shared` borrows from a Valkey on the core of the load, `filed` from a file. For
each: requests a second, and the processor time that the guard's worker used for a request.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from statistics import median

import click
from rich.console import Console
from rich.table import Table

from loadtests import peers, rules, wrk
from loadtests.bench import HEADERS, Bench
from loadtests.cost import processor_seconds, share
from loadtests.ports import free_port
from loadtests.program import find, running
from tests.support import valkey

WHICH = ("alone", "shared", "filed")


def command(which: str, place: peers.Place, store: int) -> list[str]:
    """How one is started."""
    rules.write(place.folder / "rules")
    config = Path(place.write("guard.yaml", admin=free_port()))
    if which != "alone":
        url = f"redis://127.0.0.1:{store}" if which == "shared" else f"sqlite:{place.folder}/store.db"
        with config.open("a", encoding="utf-8") as file:
            file.write(f'store: {{url: "{url}"}}\n')
    return [find("guard"), "serve", "--config", str(config)]


def measure(which: str, bench: Bench, model: int, store: int) -> tuple[float, float]:
    """Requests a second and microseconds of processor a request."""
    with tempfile.TemporaryDirectory(prefix=f"{which}-", dir=bench.folder) as folder:
        place = peers.Place(Path(folder), free_port(), model)
        words = command(which, place, store)
        with running(which, words, core=bench.proxy_core, log=place.folder / "log") as program:
            program.wait_for(place.url, wrk.PROMPT.read_bytes(), HEADERS, peers.ANSWER.read_bytes())
            wrk.run(place.url, connections=32, seconds=bench.warm_up, core=bench.load_core)
            before = processor_seconds(program)
            sample = wrk.run(place.url, connections=32, seconds=bench.seconds, core=bench.load_core)
            used = processor_seconds(program) - before
    return sample.rate, used / sample.requests * 1e6


@click.command(help=__doc__)
@click.option("--rounds", type=click.IntRange(1), default=5, show_default=True, help="How often each is measured.")
@click.option("--seconds", type=click.IntRange(1), default=3, show_default=True, help="Length of one measurement.")
def main(rounds: int, seconds: int) -> None:
    """Measure, and print what came out."""
    bench = Bench(None, seconds=seconds, warm_up=1, connections=(32,))
    rates: dict[str, list[float]] = {which: [] for which in WHICH}
    costs: dict[str, list[float]] = {which: [] for which in WHICH}
    with bench.model() as model, valkey.server() as server:
        for number in range(rounds):
            for which in WHICH[:: -1 if number % 2 else 1]:
                rate, cost = measure(which, bench, model, server.port)
                rates[which].append(rate)
                costs[which].append(cost)
    table = Table(caption="medians; the shares round by round")
    for title in ("", "req/s", "us CPU a request", "of alone", "CPU of alone"):
        table.add_column(title, justify="right" if title else "left")
    for which in WHICH:
        shares = share(rates, which, "alone"), share(costs, which, "alone")
        table.add_row(which, f"{median(rates[which]):,.0f}", f"{median(costs[which]):.1f}", *shares)
    Console(width=None if sys.stdout.isatty() else 100).print(table)


if __name__ == "__main__":
    main()
