"""One attack after the other on a real guard, and what each costs it: `python -m loadtests.attacks`."""

from __future__ import annotations

import asyncio
import resource
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import click
import orjson

from loadtests.assaults import ASK, ATTACKS, Attack, asking
from loadtests.endless import endless_model
from loadtests.serving import Guard, serving
from tests.support.raw import Client, connected

# Short, so that what is slow is closed while somebody waits for it.
HTTP = {"header_timeout": 2, "body_timeout": 2, "idle_timeout": 30, "write_timeout": 2, "body_bytes": 1_000_000}
UPSTREAM = {"keepalive": 0.5}
PROBE_SECONDS = 0.1
SETTLE_SECONDS = 20
WARM_UP = 300
OWN_DESCRIPTORS = 200
SHARE = 0.99


class Plan(NamedTuple):
    """How long each attack lasts, how many connections say nothing, how long a probe may take; times are seconds."""

    seconds: float
    silent: int
    patience: float


class Result(NamedTuple):
    """What an attack came to: `outcomes` counts its connections' ends, `grew` is the most that the guard grew by."""

    name: str
    outcomes: dict[str, int]
    grew: int
    descriptors: tuple[int, int]
    probes: int
    unanswered: int
    probe_p99_ms: float
    slowest_s: float
    faults: list[str]


def _names(_context: click.Context, _option: click.Parameter, value: str) -> tuple[Attack, ...]:
    wanted = [name.strip() for name in value.split(";") if name.strip()]
    known = {attack.name: attack for attack in ATTACKS}
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise click.BadParameter(f"{unknown[0]!r} is none of: {'; '.join(known)}")
    return tuple(known[name] for name in wanted) or ATTACKS


@click.command(help=__doc__)
@click.option("--seconds", type=click.FloatRange(0.1), default=3, show_default=True, help="How long each attack lasts.")
@click.option(
    "--silent", type=click.IntRange(1), default=10_000, show_default=True, help="Connections that say nothing."
)
@click.option(
    "--patience", type=click.FloatRange(0.1), default=1, show_default=True, help="Seconds that a probe may take."
)
@click.option("--only", default="", callback=_names, help="Names of attacks, with `;` between them.  [default: all]")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of lines.")
def main(seconds: float, silent: int, patience: float, only: tuple[Attack, ...], as_json: bool) -> None:
    """Attack, print a line for each, and end with 1 if any broke a promise."""
    plan = Plan(seconds, _within_limits(silent), patience)
    results = asyncio.run(_run(only, plan, quiet=as_json))
    if as_json:
        sys.stdout.buffer.write(orjson.dumps([one._asdict() for one in results], option=orjson.OPT_APPEND_NEWLINE))
    sys.exit(any(one.faults for one in results))


async def _run(attacks: tuple[Attack, ...], plan: Plan, *, quiet: bool) -> list[Result]:
    results = []
    with tempfile.TemporaryDirectory(prefix="attacks-") as folder:
        async with endless_model() as port:
            with serving(Path(folder), port, http=HTTP, upstream=UPSTREAM) as guard:
                await _warm_up(guard, attacks)
                for attack in attacks:
                    results.append(await _attack(guard, attack, plan))
                    if not quiet:
                        click.echo(_line(results[-1]))
    return results


async def _warm_up(guard: Guard, attacks: tuple[Attack, ...]) -> None:
    """Have the guard come to the size it works at: requests, and one round of each attack that is judged by size."""
    async with connected(guard.port) as client:
        for _ in range(WARM_UP):
            await client.send(asking(ASK))
            await client.answer()
    for attack in attacks:
        if attack.grows is not None:
            await asyncio.gather(*[attack.conversation(guard.port) for _ in range(attack.abreast)])


async def _attack(guard: Guard, attack: Attack, plan: Plan) -> Result:
    before, size = guard.descriptors(), guard.rss()
    watch = Watch(guard, plan.patience)
    watching = asyncio.create_task(watch.run())
    outcomes: Counter[str] = Counter()
    slowest = 0.0
    until = time.monotonic() + plan.seconds

    async def attacker() -> None:
        nonlocal slowest
        while True:
            started = time.monotonic()
            outcomes[await attack.conversation(guard.port)] += 1
            slowest = max(slowest, time.monotonic() - started)
            if attack.once or time.monotonic() >= until:
                return

    await asyncio.gather(*[attacker() for _ in range(plan.silent if attack.once else attack.abreast)])
    after = await _settled(guard, before + watch.connections)
    watch.over = True
    await watching
    probes = sorted(watch.took)
    result = Result(
        attack.name,
        dict(outcomes),
        max(watch.largest - size, 0),
        (before, after - watch.connections),
        len(probes) + watch.unanswered,
        watch.unanswered,
        round(probes[int((len(probes) - 1) * SHARE)] * 1000, 1) if probes else 0.0,
        round(slowest, 1),
        [],
    )
    result.faults.extend(_faults(attack, result))
    return result


def _faults(attack: Attack, result: Result) -> list[str]:
    wrong = {outcome: count for outcome, count in result.outcomes.items() if outcome not in attack.allowed}
    before, after = result.descriptors
    faults = [f"{count} came to {outcome!r}" for outcome, count in wrong.items()]
    if attack.grows is not None and result.grew > attack.grows:
        faults.append(f"grew by more than {attack.grows / 1e6:g} MB")
    if after > before:
        faults.append(f"{after - before} descriptors are left open")
    if result.unanswered or not result.probes:
        faults.append(f"{result.unanswered} probes of {result.probes} were not answered in time")
    return faults


async def _settled(guard: Guard, before: int) -> int:
    """How many descriptors are left when what was open has had the time to close."""
    until = time.monotonic() + SETTLE_SECONDS
    while (after := guard.descriptors()) > before and time.monotonic() < until:
        await asyncio.sleep(0.1)
    return after


class Watch:
    """Asks /healthz ten times a second on a connection of its own, and looks at the guard's size as often."""

    def __init__(self, guard: Guard, patience: float) -> None:
        self.guard = guard
        self.patience = patience
        self.took: list[float] = []
        self.unanswered = 0
        self.largest = 0
        self.connections = 1
        self.over = False

    async def run(self) -> None:
        """Until it is `over`."""
        async with connected(self.guard.port) as client:
            while not self.over:
                started = time.monotonic()
                if not await self._healthy(client):
                    self.unanswered += 1
                    return
                self.took.append(time.monotonic() - started)
                self.largest = max(self.largest, self.guard.rss())
                await asyncio.sleep(PROBE_SECONDS)

    async def _healthy(self, client: Client) -> bool:
        await client.send(b"GET /healthz HTTP/1.1\r\nhost: g\r\n\r\n")
        try:
            async with asyncio.timeout(self.patience):
                return (await client.answer()).status == 200
        except (TimeoutError, OSError, EOFError):
            return False


def _within_limits(silent: int) -> int:
    """As many connections as this process, and the guard with its limits, may have open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    soft = hard if hard != resource.RLIM_INFINITY else max(soft, silent + OWN_DESCRIPTORS)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return min(silent, soft - OWN_DESCRIPTORS)


def _line(result: Result) -> str:
    outcomes = ", ".join(f"{count:,} {outcome}" for outcome, count in sorted(result.outcomes.items()))
    before, after = result.descriptors
    words = (
        f"{'FAIL' if result.faults else 'ok':4} {result.name:34} {outcomes:22} "
        f"+{result.grew / 1e6:.1f} MB, descriptors {before} -> {after}, "
        f"{result.probes - result.unanswered}/{result.probes} probes, p99 {result.probe_p99_ms:g} ms, "
        f"slowest {result.slowest_s:g} s"
    )
    return "; ".join([words, *result.faults])


if __name__ == "__main__":
    main()
