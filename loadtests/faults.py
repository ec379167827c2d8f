"""A journal's disk that is full, broken, or slow, under a guard with load on it. Real faults: tmpfs, and strace's.

    make faults [ARGS=--help]

`full`: the journal is on a small tmpfs that something else fills up. `broken`: for a while every fdatasync fails with
EIO. `slow`: every fdatasync takes two seconds, and many clients leave before they are answered. Passes (exit code 0) if
each time requests are refused or wait as configured, blocked callers and probes are answered all the while, memory
stays flat, service resumes by itself, every id that a client or a model saw is in the journal, and `guard log verify`
finds it sound. Needs root, for mounting and tracing.
"""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

import click
import httpx
import orjson

from loadtests.kills import verified
from loadtests.ledger import Ledger, client, model, prompt
from loadtests.program import ProgramError
from loadtests.serving import Guard, await_keeper, serving

CLIENTS = 16
SLOW = 12
PATIENCE = 15.0
RESUME_SECONDS = 5.0
MEMORY_BYTES = 48_000_000
TMPFS_BYTES = 96_000_000
BUFFER_BYTES = 16_000_000
SMALL = {"reserve_bytes": 8_000_000, "segment_bytes": 4_000_000}
BLOCKED = {"x-forwarded-for": "203.0.113.9"}
MORE: dict[str, Any] = {
    "identify": {"trusted_proxies": ["127.0.0.1"]},
    "blocks": [{"ip": "203.0.113.9"}],
}

Fault = Callable[["World"], Awaitable[None]]


class World:
    """A guard under load: `probes` are the seconds that each took, `wrong` what was not as it should be."""

    def __init__(self, guard: Guard, ledger: Ledger, folder: Path) -> None:
        self.guard = guard
        self.ledger = ledger
        self.folder = folder
        self.wrong: list[str] = []
        self.probes: list[float] = []
        self.memory: list[int] = []

    async def until(self, condition: Callable[[], bool], what: str, seconds: float = PATIENCE) -> None:
        """Wait for something to become so."""
        until = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > until:
                self.wrong.append(f"{what}: not within {seconds:g} s; statuses {self.ledger.statuses}")
                return
            await asyncio.sleep(0.02)

    async def more(self, status: int, what: str, seconds: float = PATIENCE) -> None:
        """Wait until another answer with that status has come."""
        before = self.ledger.statuses.get(status, 0)
        await self.until(lambda: self.ledger.statuses.get(status, 0) > before, what, seconds)

    async def watch(self) -> None:
        """Ask what has to be answered whatever the disk does, again and again."""
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{self.guard.port}", timeout=PATIENCE) as http:
            while True:
                began = time.monotonic()
                if (answer := await http.get("/healthz")).status_code != 200:
                    self.wrong.append(f"/healthz was answered with {answer.status_code}")
                self.probes.append(time.monotonic() - began)
                blocked = await http.post("/v1/chat/completions", headers=BLOCKED, content=b"{}")
                if blocked.status_code != 403:
                    self.wrong.append(f"a blocked caller got {blocked.status_code} {blocked.text[:100]}")
                self.memory.append(self.guard.rss())
                await asyncio.sleep(0.1)


@contextmanager
def traced(pid: int, *inject: str) -> Iterator[None]:
    """Have strace put a fault into a process's system calls, for the time of the block."""
    words = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=fdatasync", *inject, "-p", str(pid)]
    tracer = subprocess.Popen(words, stderr=subprocess.PIPE)
    try:
        until = time.monotonic() + PATIENCE
        while "TracerPid:\t0\n" in Path(f"/proc/{pid}/status").read_text():
            if tracer.poll() is not None or time.monotonic() > until:
                raise ProgramError(f"strace cannot attach: {tracer.stderr.read().decode() if tracer.stderr else ''}")
            time.sleep(0.01)
        yield
    finally:
        tracer.terminate()
        tracer.communicate()


async def full(world: World) -> None:
    """Something else fills the disk; what was refused for that is served again when the room is back."""
    ballast = world.folder / "state" / "ballast"
    await world.more(200, "an answer before")
    with ballast.open("wb") as file:
        try:
            while True:
                file.write(bytes(65_536))
                file.flush()
        except OSError:
            pass
    await world.more(503, "a refusal when the disk is full")
    await asyncio.sleep(1)
    ballast.unlink()
    await world.more(200, "an answer when there is room again", RESUME_SECONDS)


async def broken(world: World) -> None:
    """The disk reports errors, and later does not any more."""
    await world.more(200, "an answer before")
    with traced(world.guard.pid, "-e", "inject=fdatasync:error=EIO"):
        await world.more(503, "a refusal when the disk fails")
        await asyncio.sleep(3)
    await world.more(200, "an answer when the disk works again", RESUME_SECONDS)


async def slow(world: World) -> None:
    """The disk takes two seconds for everything: whoever asks waits, and what those leave who do not is bounded."""
    await world.more(200, "an answer before")
    with traced(world.guard.pid, "-e", "inject=fdatasync:delay_enter=2000000"):
        leaving = [asyncio.create_task(_leave_early(world.guard.port, random.Random(number))) for number in range(64)]
        await asyncio.sleep(SLOW)
        await _ended(leaving)
    await world.more(200, "an answer when the disk is quick again", RESUME_SECONDS)


FAULTS: dict[str, tuple[Fault, dict[str, Any]]] = {
    "full": (full, SMALL),
    "broken": (broken, {}),
    "slow": (slow, {"buffer_bytes": BUFFER_BYTES}),
}


@contextmanager
def tmpfs(folder: Path, size: int) -> Iterator[None]:
    """A small disk at that folder, for the time of the block."""
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@asynccontextmanager
async def loaded(folder: Path, journal: dict[str, Any], size: int) -> AsyncIterator[World]:
    """A guard with clients that ask without end, watched."""
    ledger = Ledger()
    async with model(ledger) as port:
        with serving(folder, port, http={}, upstream={}, journal=journal, **MORE) as guard:
            world = World(guard, ledger, folder)
            clients = [_again(guard.port, ledger, random.Random(number), size) for number in range(CLIENTS)]
            tasks = [asyncio.create_task(work) for work in (*clients, world.watch())]
            try:
                yield world
            finally:
                ended = await _ended(tasks)
                met = [one for one in ended if isinstance(one, Exception)]
                world.wrong += [f"a client met {type(one).__name__} {one}" for one in met]


async def _again(port: int, ledger: Ledger, rng: random.Random, size: int) -> None:
    """A client that comes back when its connection was closed."""
    while True:
        await client(port, ledger, rng, size)


async def _leave_early(port: int, rng: random.Random) -> None:
    """A client that does not wait for its answers, so that only their records are left to hold it up."""
    while True:
        with suppress(ConnectionError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                writer.write(prompt(rng, 60_000))
                await asyncio.sleep(rng.random() / 10)
            finally:
                writer.transport.abort()


async def _ended(tasks: list[asyncio.Task[None]]) -> list[BaseException | None]:
    for task in tasks:
        task.cancel()
    return await asyncio.gather(*tasks, return_exceptions=True)


async def run(name: str, folder: Path) -> dict[str, Any]:
    """One fault; the report of what came of it."""
    fault, journal = FAULTS[name]
    async with loaded(folder, journal, 60_000 if name == "slow" else 3_000) as world:
        await asyncio.sleep(1)
        before = world.guard.rss()
        await fault(world)
    report: dict[str, Any] = {
        "fault": name,
        "statuses": dict(sorted(world.ledger.statuses.items())),
        "ids": len(world.ledger.model | world.ledger.clients),
        "missing": len(world.ledger.missing(world.guard.journal)),
        "slowest_probe": round(max(world.probes), 3),
        "memory_grew": max(world.memory) - before,
    }
    await_keeper(folder / "state")
    report["wrong"] = [*world.wrong, *_wrong(report)]
    if not verified(folder):
        report["wrong"].append("`guard log verify` finds the journal not sound")
    return report


def _wrong(report: dict[str, Any]) -> list[str]:
    wrong = []
    if report["missing"]:
        wrong.append(f"{report['missing']} ids are not in the journal")
    if report["memory_grew"] > MEMORY_BYTES:
        wrong.append(f"memory grew by {report['memory_grew']:,} bytes")
    if report["slowest_probe"] > 1:
        wrong.append(f"a probe took {report['slowest_probe']} s")
    return wrong


@click.command(help=__doc__)
@click.option("--only", type=click.Choice(list(FAULTS)), multiple=True, help="Which faults.  [default: all]")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object for each instead of lines.")
def main(only: tuple[str, ...], as_json: bool) -> None:
    """Break things, and end with 1 if the guard did not stand it."""
    failed = False
    for name in only or FAULTS:
        with tempfile.TemporaryDirectory(prefix=f"{name}-") as place:
            folder = Path(place)
            if name == "full":
                with tmpfs(folder / "state", TMPFS_BYTES):
                    report = asyncio.run(run(name, folder))
            else:
                report = asyncio.run(run(name, folder))
        failed = failed or bool(report["wrong"])
        if as_json:
            sys.stdout.buffer.write(orjson.dumps(report, option=orjson.OPT_APPEND_NEWLINE))
            continue
        statuses = ", ".join(f"{status} {count:,}" for status, count in report["statuses"].items())
        click.echo(
            f"{name:<7} {statuses}; {report['ids']:,} ids, {report['missing']} missing; slowest probe "
            f"{report['slowest_probe']} s; memory + {report['memory_grew'] / 1e6:.1f} MB"
        )
        for line in report["wrong"][:10]:
            click.echo(f"        {line}")
    sys.exit(failed)


if __name__ == "__main__":
    main()
