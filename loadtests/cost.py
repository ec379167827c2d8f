"""What the journal costs, and what counting and tracing do: the same guard with and without, in turns.

    make cost [ARGS=--help]

`on` is the guard as it is. `unchained` writes the same records with the same durability, without numbers and chains;
`unsynced` has those, and does not wait for the disk; `off` writes nothing. `uncounted` is `on` without metrics, and
`traced` with a span for each exchange, for a collector that is not there. For each: requests a second, and the
processor time that the guard's process used for a request.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from statistics import median

import click
from rich.console import Console
from rich.table import Table

from loadtests import peers, rules, wrk
from loadtests.bench import HEADERS, Bench
from loadtests.ports import free_port
from loadtests.program import Program, running
from tests.support.processes import workers_of

VARIANTS = ("on", "unchained", "unsynced", "off", "uncounted", "traced")
TICKS = os.sysconf("SC_CLK_TCK")


def command(which: str, place: peers.Place) -> list[str]:
    """How a variant is started."""
    rules.write(place.folder / "rules")
    config = place.write("guard.yaml", admin=free_port())
    return [sys.executable, "-m", "loadtests.variant", which, "serve", "--config", config]


def processor_seconds(program: Program) -> float:
    """What its worker has used of the processor so far, all its threads together."""
    (worker,) = workers_of(program.process.pid)
    fields = Path(f"/proc/{worker}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def measure(which: str, bench: Bench, model: int) -> tuple[float, float]:
    """Requests a second and microseconds of processor a request."""
    with tempfile.TemporaryDirectory(prefix=f"{which}-", dir=bench.folder) as folder:
        place = peers.Place(Path(folder), free_port(), model)
        with running(which, command(which, place), core=bench.proxy_core, log=place.folder / "log") as program:
            program.wait_for(place.url, wrk.PROMPT.read_bytes(), HEADERS, peers.ANSWER.read_bytes())
            wrk.run(place.url, connections=32, seconds=bench.warm_up, core=bench.load_core)
            before = processor_seconds(program)
            sample = wrk.run(place.url, connections=32, seconds=bench.seconds, core=bench.load_core)
            used = processor_seconds(program) - before
    return sample.rate, used / sample.requests * 1e6


@click.command(help=__doc__)
@click.option("--rounds", type=click.IntRange(1), default=5, show_default=True, help="How often each is measured.")
@click.option("--seconds", type=click.IntRange(1), default=3, show_default=True, help="Length of one measurement.")
@click.option("--only", default=",".join(VARIANTS[:4]), show_default=True, help="Which.")
def main(rounds: int, seconds: int, only: str) -> None:
    """Measure, and print what came out."""
    bench = Bench(None, seconds=seconds, warm_up=1, connections=(32,))
    chosen = only.split(",")
    rates: dict[str, list[float]] = {which: [] for which in chosen}
    costs: dict[str, list[float]] = {which: [] for which in chosen}
    with bench.model() as model:
        for _ in range(rounds):
            for which in chosen:
                rate, cost = measure(which, bench, model)
                rates[which].append(rate)
                costs[which].append(cost)
    table = Table(caption="medians; the shares are of `off` and of `unchained`, round by round")
    for title in ("", "req/s", "us CPU a request", "of off", "of unchained"):
        table.add_column(title, justify="right" if title else "left")
    for which in chosen:
        shares = [share(rates, which, base) for base in ("off", "unchained")]
        table.add_row(which, f"{median(rates[which]):,.0f}", f"{median(costs[which]):.1f}", *shares)
    Console().print(table)


def share(rates: dict[str, list[float]], which: str, base: str) -> str:
    """The median of what one has of another, round by round, with the smallest and the largest."""
    if base not in rates:
        return ""
    shares = sorted(one / other for one, other in zip(rates[which], rates[base], strict=True))
    return f"{median(shares):.2f} ({shares[0]:.2f}-{shares[-1]:.2f})"


if __name__ == "__main__":
    main()
