"""How many requests are in progress at once on two machines together, while their store is well, and while it is not.

    make places [ARGS=--help]

Two guards of several workers each, a limit on concurrency that holds for both together, one caller who asks them for
more than that (more of the one than of the other, in turns), and a model that counts how many it is asked at once. What
befalls the store is what befalls it in `make shared`. Passes (exit code 0) if the model never has more than the limit
while the store is there, and nine tenths of that on average; and never more than 1.2 times the limit whatever happens.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path
from time import monotonic
from typing import NamedTuple

import click
import uvloop

from loadtests.mishaps import MISHAPS, Mishap, World, between, worlds
from loadtests.openloop import Load
from loadtests.overload import PROMPT, REQUEST
from loadtests.ports import free_ports
from loadtests.program import find, running
from loadtests.shared import CONFIG, REST_SECONDS
from loadtests.slots import ANSWER, Connection, Slots

USABLE = 0.9
WITHOUT_STORE = 1.2
UNEVEN = (0.75, 0.25)
WARM_SECONDS = 0.3
LIMIT = "limits: [{{per: global, concurrency: {most}}}]"
PLACES = CONFIG.replace("limits: [{{per: global, requests: {rate}/s, burst: {burst}}}]", LIMIT)


class Counted(Slots):
    """Slots for everybody; `most` is how many were busy at once, `busy` how long they were in all, of
    `counted` seconds.
    """

    def __init__(self, seconds: float) -> None:
        super().__init__(1_000_000, seconds)
        self.now = self.most = 0
        self.busy = self.counted = 0.0
        self._since = monotonic()

    def ask(self, connection: Connection) -> None:
        """One more."""
        self._count(1)
        self.most = max(self.most, self.now)
        super().ask(connection)

    def begin(self) -> None:
        """Count anew."""
        self._count(0)
        self.most, self.busy, self.counted = self.now, 0.0, 0.0

    def end(self) -> None:
        """Count until now."""
        self._count(0)

    def _done(self, connection: Connection) -> None:
        self._count(-1)
        super()._done(connection)

    def _count(self, more: int) -> None:
        now = monotonic()
        self.busy += self.now * (now - self._since)
        self.counted += now - self._since
        self._since = now
        self.now += more


class Report(NamedTuple):
    """What came of a phase: the most at once, and how many on average; answers that were neither 200 nor 429."""

    phase: str
    limit: int
    most: int
    mean: float
    admitted: int
    refused: int
    broken: int


def wrong(report: Report) -> list[str]:
    """What is not as it should be."""
    found = []
    is_well = report.phase not in MISHAPS
    bound = 1.0 if is_well else WITHOUT_STORE
    if report.most > bound * report.limit:
        found.append(f"{report.most} at once: more than {bound:g} times the limit")
    if is_well and report.mean < USABLE * report.limit:
        found.append(f"{report.mean:.1f} on average: less than {USABLE:g} of the limit")
    if report.broken:
        found.append(f"{report.broken} answers that were neither 200 nor 429")
    return found


class Places:
    """The guards under load, one phase after the other."""

    def __init__(self, world: World, model: Counted, ports: list[int], limit: int, offered: float) -> None:
        self.world = world
        self.model = model
        self.limit = limit
        self.rate = offered * limit / model.seconds
        self.loads = [Load("127.0.0.1", port, REQUEST) for port in ports]

    async def measure(self, name: str, mishap: Mishap, seconds: float) -> Report:
        """Load both, one more than the other; a fifth of the time later it happens to the store."""
        await asyncio.sleep(REST_SECONDS)
        pairs = zip(self.loads, UNEVEN, strict=True)
        loading = asyncio.gather(*(load.run(share * self.rate, seconds) for load, share in pairs))
        self.loads.reverse()
        await asyncio.sleep(WARM_SECONDS)
        self.model.begin()
        await asyncio.sleep(seconds / 5 - WARM_SECONDS)
        with ExitStack() as stack:
            await asyncio.to_thread(stack.enter_context, mishap(self.world))
            await asyncio.sleep(seconds * 4 / 5)
            self.model.end()
            tallies = await loading
            await asyncio.to_thread(stack.close)
        every = sum(len(times) for tally in tallies for times in tally.took.values())
        admitted, refused = (sum(tally.count(status) for tally in tallies) for status in (200, 429))
        mean = self.model.busy / self.model.counted
        return Report(name, self.limit, self.model.most, mean, admitted, refused, every - admitted - refused)

    def close(self) -> None:
        """Close the connections."""
        for load in self.loads:
            load.close()


@contextmanager
def guards(folder: Path, store: str, model: int, workers: int, limit: int) -> Iterator[list[int]]:
    """The nodes; their ports."""
    with ExitStack() as stack:
        ports = free_ports(2)
        for number, port in enumerate(ports):
            place = folder / f"node{number}"
            place.mkdir()
            config = place / "guard.yaml"
            told = {"workers": workers, "most": limit, "store": store, "model": model}
            config.write_text(PLACES.format(port=port, folder=place, **told), encoding="utf-8")
            command = (find("guard"), "serve", "--config", str(config))
            program = stack.enter_context(running(f"node {number}", command, core=number % 2, log=place / "guard.log"))
            url = f"http://127.0.0.1:{port}/v1/chat/completions"
            program.wait_for(url, PROMPT, {"content-type": "application/json"}, ANSWER)
        yield ports


async def measure(
    folder: Path,
    world: World,
    only: list[str],
    *,
    workers: int,
    limit: int,
    hold: float,
    offered: float,
    seconds: float,
) -> dict[str, tuple[Report, list[str]]]:
    """The phases, with one in between in which the store is well: each report, and what is wrong with it."""
    found: dict[str, tuple[Report, list[str]]] = {}
    model = Counted(hold)
    serving = await asyncio.get_running_loop().create_server(lambda: Connection(model), "127.0.0.1", 0, backlog=4_096)
    with ExitStack() as stack:
        started = guards(folder, world.url, serving.sockets[0].getsockname()[1], workers, limit)
        ports = await asyncio.to_thread(stack.enter_context, started)
        places = Places(world, model, ports, limit, offered)
        for name in between(only):
            report = await places.measure(name, MISHAPS.get(name, lambda _: nullcontext()), seconds)
            found[name] = report, wrong(report)
        places.close()
        serving.close()
        await asyncio.to_thread(stack.close)
    return found


def run(
    only: list[str], *, workers: int, limit: int, hold: float, offered: float, seconds: float
) -> dict[str, tuple[Report, list[str]]]:
    """Start stores and the guards, and measure."""
    found: dict[str, tuple[Report, list[str]]] = {}
    for make, names in worlds(only):
        with tempfile.TemporaryDirectory() as place, make(Path(place) / "store") as world:
            measured = measure(
                Path(place), world, names, workers=workers, limit=limit, hold=hold, offered=offered, seconds=seconds
            )
            found |= uvloop.run(measured)
    return found


@click.command(help=__doc__)
@click.option("--workers", type=click.IntRange(1), default=4, show_default=True, help="Of each of the two guards.")
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True, help="So many at once.")
@click.option("--hold", type=float, default=0.1, show_default=True, help="Seconds that the model takes for each.")
@click.option("--offered", type=float, default=2.0, show_default=True, help="How many times that is asked for.")
@click.option("--seconds", type=float, default=5.0, show_default=True, help="Length of a phase.")
@click.option("--only", type=click.Choice(list(MISHAPS)), multiple=True, help="What befalls the store.  [default: all]")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object for each phase instead of lines.")
def main(
    workers: int, limit: int, hold: float, offered: float, seconds: float, only: tuple[str, ...], as_json: bool
) -> None:
    """Measure, print, and exit with 1 if anything was wrong."""
    found = run(list(only or MISHAPS), workers=workers, limit=limit, hold=hold, offered=offered, seconds=seconds)
    for report, faults in found.values():
        if as_json:
            click.echo(json.dumps({**report._asdict(), "wrong": faults}))
            continue
        click.echo(
            f"{report.phase:<20} {report.most:3} at once, {report.mean:5.1f} on average, of {report.limit}; "
            f"{report.admitted:6,} admitted, {report.refused:6,} refused"
        )
        for fault in faults:
            click.echo(f"{'':<20} {fault}")
    sys.exit(any(faults for _, faults in found.values()))


if __name__ == "__main__":
    main()
