"""One key on all workers of a guard at once, far beyond its limit: how many requests are let in.

    make hotkey [ARGS=--help]

Many connections send more than the limit allows, for some seconds; whatever is not 429 was let in. Passes (exit code 0)
if that was never more than the burst and what the rate gives in that time, and at least 99 % of it.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import click
import httptools
import orjson

from guard.custody.workers import running
from guard.demo.children import Child

PIPELINED = 10
PATIENCE = 30.0
REQUEST = (
    b"POST /v1/chat/completions HTTP/1.1\r\nhost: g\r\nx-api-key: key-of-a\r\ncontent-type: application/json\r\n"
    b'content-length: 16\r\n\r\n{"messages": []}'
)
LIMITED = 429
LEAST = 0.99
STEP_SECONDS = 0.02


def configuration(folder: Path, workers: int, rate: int, burst: int) -> dict[str, Any]:
    """A limit for each client, and a model that is not there: what is let in gets 502 at once."""
    return {
        "data": {"listen": "127.0.0.1:0", "workers": workers, "drain_timeout": 1},
        "admin": {"listen": None},
        "state": str(folder / "state"),
        "rules": {"dir": None},
        "models": {"chat": {"versions": {"v1": {"url": "http://127.0.0.1:1"}}, "active": "v1"}},
        "routes": [{"path": "/v1/", "format": "openai", "model": "chat"}],
        "clients": {"a": {"key": "key-of-a"}},
        "limits": [{"per": "client", "requests": f"{rate}/s", "burst": burst}],
    }


class Answers:
    """The statuses that a connection got; a callback object of httptools."""

    def __init__(self) -> None:
        self.statuses: Counter[int] = Counter()
        self.left = 0
        self.parser = httptools.HttpResponseParser(self)

    def on_message_complete(self) -> None:
        """An answer is whole."""
        self.statuses[self.parser.get_status_code()] += 1
        self.left -= 1


async def ask(port: int, until: float, answers: Answers) -> None:
    """Send some at a time until then, over connections that are used up."""
    while time.monotonic() < until:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        answers.parser = httptools.HttpResponseParser(answers)
        for _ in range(9_000 // PIPELINED):
            if time.monotonic() >= until:
                break
            answers.left = PIPELINED
            writer.write(REQUEST * PIPELINED)
            while answers.left:
                data = await asyncio.wait_for(reader.read(65_536), PATIENCE)
                if not data:
                    raise ConnectionError("the guard closed a connection")
                answers.parser.feed_data(data)
        writer.close()


async def all_at_once(port: int, connections: int, seconds: float) -> tuple[Counter[int], float]:
    """What all connections got, and how long it took."""
    began = time.monotonic()
    answers = [Answers() for _ in range(connections)]
    await asyncio.gather(*[ask(port, began + seconds, one) for one in answers])
    return sum((one.statuses for one in answers), Counter()), time.monotonic() - began


def run(*, workers: int, rate: int, burst: int, seconds: float, connections: int = 32) -> dict[str, Any]:
    """Start a guard, ask it for all that it gives to one key, and hold that against the limit."""
    with tempfile.TemporaryDirectory(prefix="hotkey-") as place:
        folder = Path(place)
        path = folder / "guard.yaml"
        path.write_bytes(orjson.dumps(configuration(folder, workers, rate, burst)))
        with Child("guard", ["serve", "--config", str(path), "--json"], folder) as child:
            port = int(child.first_line()["listening"].rpartition(":")[2])
            await_workers(folder / "state", workers)
            statuses, took = asyncio.run(all_at_once(port, connections, seconds))
    return report(statuses, seconds, took, rate, burst)


def await_workers(state: Path, number: int) -> None:
    """Return when so many workers run."""
    until = time.monotonic() + PATIENCE
    while len(running(state, state / "journal")) < number:
        if time.monotonic() > until:
            raise TimeoutError(f"{number} workers are not up after {PATIENCE:g} s")
        time.sleep(STEP_SECONDS)


def report(statuses: Counter[int], seconds: float, took: float, rate: int, burst: int) -> dict[str, Any]:
    """What came out, and all that is wrong with it: they asked for so many seconds, and had the last answer after it
    `took`.
    """
    allowed = burst + rate * seconds
    admitted = statuses.total() - statuses[LIMITED]
    wrong = []
    if admitted > burst + rate * took + 1:
        wrong.append(f"{admitted:,} requests were let in, and {burst + rate * took:,.0f} may be")
    if admitted < LEAST * allowed:
        wrong.append(f"{admitted:,} requests were let in, of {allowed:,.0f} that may be")
    if statuses.total() < 2 * allowed:
        wrong.append(f"{statuses.total():,} requests are too few to show anything")
    return {
        "asked": statuses.total(),
        "admitted": admitted,
        "allowed": round(allowed),
        "share": round(admitted / allowed, 4),
        "seconds": round(seconds, 2),
        "wrong": wrong,
    }


@click.command(help=__doc__)
@click.option("--workers", type=click.IntRange(1), default=4, show_default=True, help="How many workers.")
@click.option("--rate", type=click.IntRange(1), default=500, show_default=True, help="Requests a second.")
@click.option("--burst", type=click.IntRange(1), default=200, show_default=True, help="How many at once.")
@click.option("--seconds", type=click.FloatRange(1), default=10.0, show_default=True, help="For how long.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of lines.")
def main(workers: int, rate: int, burst: int, seconds: float, as_json: bool) -> None:
    """Ask, and end with 1 if it was too much or too little."""
    found = run(workers=workers, rate=rate, burst=burst, seconds=seconds)
    if as_json:
        sys.stdout.buffer.write(orjson.dumps(found, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    else:
        click.echo(
            f"{workers} workers, {found['asked']:,} requests in {found['seconds']} s: {found['admitted']:,} let in of "
            f"{found['allowed']:,} that may be ({found['share']:.2%})"
        )
        for line in found["wrong"]:
            click.echo(line)
    sys.exit(bool(found["wrong"]))


if __name__ == "__main__":
    main()
