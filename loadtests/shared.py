"""One limit that two machines share, while the store that they share it through is well, and while it is not.

    make shared [ARGS=--help]

Two guards of several workers each, one caller who asks both of them for more than its limit, and a Valkey that is
stopped, paused, slow, full, wiped, cut off, and well again in between; then a pair of which one fails, and the other
takes over; then a file that somebody holds, or takes away. Passes (exit code 0) if no more is admitted than the limit
and the burst while the store is there, and at least 99 % of it; no more than 1.2 times the limit (and the burst)
whatever happens to the store; and answers take no more than 50 ms longer (99th percentile) for that.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import NamedTuple

import click
import uvloop

from loadtests.mishaps import FAILOVER, MISHAPS, REMOVED, Mishap, World, between, worlds
from loadtests.openloop import Load, Tally
from loadtests.overload import PROMPT, REQUEST
from loadtests.ports import free_ports
from loadtests.program import find, running
from loadtests.slots import ANSWER

NODES = 2
USABLE = 0.99
WITHOUT_STORE = 1.2
ADDED_SECONDS = 0.05
REST_SECONDS = 2.5
"""Between two phases: until a node that went on alone has asked again."""
TURN_SECONDS = 0.02
"""How much later than the last request the last may be admitted."""

CONFIG = """
data: {{listen: "127.0.0.1:{port}", workers: {workers}}}
state: {folder}/state
store: {{url: "{store}"}}
rules: {{dir: null}}
limits: [{{per: global, requests: {rate}/s, burst: {burst}}}]
models: {{chat: {{versions: {{v1: {{url: "http://127.0.0.1:{model}"}}}}, active: v1}}}}
routes: [{{path: /v1/, format: openai, model: chat}}]
"""


class Phase(NamedTuple):
    """What befalls the store; `bound` times the limit may be admitted, and so many bursts."""

    mishap: Mishap
    bound: float = WITHOUT_STORE
    bursts: int = 1
    usable: float = 0.0


WELL = Phase(lambda _: nullcontext(), 1.0, 1, USABLE)
PHASES = {name: Phase(mishap) for name, mishap in MISHAPS.items()}
for name in ("wiped", REMOVED):
    PHASES[name] = Phase(MISHAPS[name], 1.0, 2, USABLE)
# The one that takes over may not have what was spent last.
PHASES[FAILOVER] = Phase(MISHAPS[FAILOVER], WITHOUT_STORE, 2)


class Report(NamedTuple):
    """What came of a phase.

    Attributes:
        limit: what the rate gave in its time.
        p99: that of all answers, in seconds.
        settled: how much of what the rate gave was admitted once the burst was spent, after a fifth of the time.
    """

    phase: str
    seconds: float
    limit: float
    burst: int
    admitted: int
    refused: int
    broken: int
    p99: float
    settled: float


def wrong(report: Report, phase: Phase, p99: float) -> list[str]:
    """What is not as it should be, `p99` being what an answer takes while the store is well."""
    found = []
    if report.admitted > phase.bound * report.limit + phase.bursts * report.burst:
        found.append(f"{report.admitted} admitted: more than {phase.bound:g} times the limit and the burst")
    if report.settled < phase.usable:
        found.append(f"{report.settled:.3f} of the limit once the burst was spent: less than {phase.usable:g}")
    if report.p99 - p99 > ADDED_SECONDS:
        found.append(f"answers took {1_000 * (report.p99 - p99):.0f} ms longer")
    if report.broken:
        found.append(f"{report.broken} answers that were neither 200 nor 429")
    return found


class Shared:
    """The guards under load, one phase after the other."""

    def __init__(self, world: World, ports: list[int], rate: int, burst: int, offered: float) -> None:
        self.world = world
        self.rate = rate
        self.burst = burst
        self.offered = offered
        self.loads = [Load("127.0.0.1", port, REQUEST) for port in ports]

    async def measure(self, name: str, phase: Phase, seconds: float) -> Report:
        """Load both; a fifth of the time later, it happens to the store, until the load ends."""
        await asyncio.sleep(REST_SECONDS)
        each = self.offered * self.rate / len(self.loads)
        loading = asyncio.gather(*(load.run(each, seconds) for load in self.loads))
        await asyncio.sleep(seconds / 5)
        before = sum(load.tally.count(200) for load in self.loads)
        with ExitStack() as stack:
            # Stopping and starting it waits; the load does not.
            await asyncio.to_thread(stack.enter_context, phase.mishap(self.world))
            tallies = await loading
            await asyncio.to_thread(stack.close)
        return self._report(name, tallies, seconds + TURN_SECONDS, before)

    def _report(self, name: str, tallies: list[Tally], took: float, before: int) -> Report:
        every = sorted(seconds for tally in tallies for times in tally.took.values() for seconds in times)
        count = {status: sum(tally.count(status) for tally in tallies) for status in (200, 429)}
        p99 = every[int(len(every) * 0.99)] if every else 0.0
        broken = len(every) - count[200] - count[429]
        settled = (count[200] - before) / (self.rate * took * 0.8)
        return Report(name, took, self.rate * took, self.burst, count[200], count[429], broken, p99, settled)

    def close(self) -> None:
        """Close the connections."""
        for load in self.loads:
            load.close()


@contextmanager
def guards(folder: Path, store: str, workers: int, rate: int, burst: int) -> Iterator[list[int]]:
    """The nodes, and a model that takes no time; the ports of the nodes."""
    with ExitStack() as stack:
        model, *ports = free_ports(1 + NODES)
        words = ("-m", "loadtests.slots", "--port", str(model), "--slots", "10000", "--seconds", "0.001")
        stack.enter_context(running("model", (sys.executable, *words), core=0, log=folder / "model.log"))
        for number, port in enumerate(ports):
            place = folder / f"node{number}"
            place.mkdir()
            config = place / "guard.yaml"
            told = {"workers": workers, "rate": rate, "burst": burst, "store": store, "model": model}
            config.write_text(CONFIG.format(port=port, folder=place, **told), encoding="utf-8")
            command = (find("guard"), "serve", "--config", str(config))
            log = place / "guard.log"
            program = stack.enter_context(running(f"node {number}", command, core=number % 2, log=log))
            url = f"http://127.0.0.1:{port}/v1/chat/completions"
            program.wait_for(url, PROMPT, {"content-type": "application/json"}, ANSWER)
        yield ports


async def measure(shared: Shared, only: list[str], seconds: float) -> dict[str, tuple[Report, list[str]]]:
    """The phases, with one in between in which the store is well: each report, and what is wrong with it."""
    found: dict[str, tuple[Report, list[str]]] = {}
    await shared.measure("warm-up", WELL, 1.0)
    p99 = 0.0
    for name in between(only):
        phase = PHASES.get(name, WELL)
        report = await shared.measure(name, phase, seconds)
        p99 = p99 or report.p99
        found[name] = report, wrong(report, phase, p99)
    shared.close()
    return found


def run(
    only: list[str], *, workers: int, rate: int, burst: int, offered: float, seconds: float
) -> dict[str, tuple[Report, list[str]]]:
    """Start stores and the guards, and measure."""
    found: dict[str, tuple[Report, list[str]]] = {}
    for make, names in worlds(only):
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            world = stack.enter_context(make(folder / "store"))
            ports = stack.enter_context(guards(folder, world.url, workers, rate, burst))
            shared = Shared(world, ports, rate, burst, offered)
            found |= uvloop.run(measure(shared, names, seconds))
    return found


@click.command(help=__doc__)
@click.option("--workers", type=click.IntRange(1), default=4, show_default=True, help="Of each of the two guards.")
@click.option("--rate", type=click.IntRange(1), default=200, show_default=True, help="The limit, requests a second.")
@click.option("--burst", type=click.IntRange(1), default=50, show_default=True, help="And its burst.")
@click.option("--offered", type=float, default=3.0, show_default=True, help="How many times that is asked for.")
@click.option("--seconds", type=float, default=5.0, show_default=True, help="Length of a phase.")
@click.option("--only", type=click.Choice(list(PHASES)), multiple=True, help="What befalls the store.  [default: all]")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object for each phase instead of lines.")
def main(
    workers: int, rate: int, burst: int, offered: float, seconds: float, only: tuple[str, ...], as_json: bool
) -> None:
    """Measure, print, and exit with 1 if anything was wrong."""
    found = run(list(only or PHASES), workers=workers, rate=rate, burst=burst, offered=offered, seconds=seconds)
    for report, faults in found.values():
        if as_json:
            click.echo(json.dumps({**report._asdict(), "wrong": faults}))
            continue
        click.echo(
            f"{report.phase:<20} {report.admitted:6,} admitted of {report.limit + burst:8,.1f} (after the burst "
            f"{report.settled:.3f} of the limit), {report.refused:6,} refused, p99 {1_000 * report.p99:.1f} ms"
        )
        for fault in faults:
            click.echo(f"{'':<20} {fault}")
    sys.exit(any(faults for _, faults in found.values()))


if __name__ == "__main__":
    main()
