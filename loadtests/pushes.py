"""A thousand pushes of rules under load: no request fails, no stream breaks, and every worker ends on the newest.

    make pushes [ARGS=--help]

Clients ask, and keep streams open over several pushes; every so often a push is broken, and must change nothing. Passes
(exit code 0) if every answer was the right one, every stream came whole, each push was in force on every worker when
its command ended, and each broken one was refused.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import httpx
import orjson
from click.testing import CliRunner

from guard.cli import main as guard
from guard.custody.workers import running
from loadtests.listening import listening
from loadtests.serving import serving

WORKERS = 2
CLIENTS = 4
STREAMS = 8
EVENTS = 20
EVENT_SECONDS = 0.1
BROKEN_EVERY = 20
SHOWN = 10

RULE = """
- id: load-{target}-{number}
  title: One of some
  level: high
  target: {target}
  match: {{any: ["{word}"], regex: '\\b{word}[0-9]{{2,9}}\\b'}}
  action: block
  tests: {{match: ["{word}"], no_match: ["-"]}}
"""
ANSWER = b'{"choices":[{"index":0,"message":{"role":"assistant","content":"Hello."}}]}'
WHOLE = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(ANSWER), ANSWER)
STREAM = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
EVENT = b'data: {"choices":[{"index":0,"delta":{"content":"word "}}]}\n\n'
LAST = b"data: [DONE]\n\n"


class Tally:
    """What the clients saw."""

    def __init__(self) -> None:
        self.requests = 0
        self.streams = 0
        self.failures: list[str] = []
        self.over = False


def write(folder: Path, number: int, rules: int) -> None:
    """A rules folder of so many rules for prompts and as many for outputs; those of each number are others."""
    folder.mkdir(exist_ok=True)
    words = [f"forbidden{number}", *(f"phrase{number % 7}x{one}" for one in range(1, rules))]
    text = "".join(
        RULE.format(target=target, number=one, word=word)
        for target in ("prompt", "output")
        for one, word in enumerate(words)
    )
    (folder / "10-load.yaml").write_text(text)


async def _model(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer at once, or in events that take their time."""
    while True:
        await _answer(reader, writer)


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    (length,) = (int(line[16:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length: "))
    document = orjson.loads(await reader.readexactly(length))
    if not document.get("stream"):
        writer.write(WHOLE)
        return
    writer.write(STREAM)
    for _ in range(EVENTS):
        writer.write(b"%x\r\n%b\r\n" % (len(EVENT), EVENT))
        await writer.drain()
        await asyncio.sleep(EVENT_SECONDS)
    writer.write(b"%x\r\n%b\r\n0\r\n\r\n" % (len(LAST), LAST))


def _ask(text: str, *, stream: bool = False) -> dict[str, Any]:
    return {"model": "m", "messages": [{"role": "user", "content": text}], "stream": stream}


async def _client(url: str, tally: Tally) -> None:
    """Ask one thing after the other."""
    async with httpx.AsyncClient(timeout=30) as client:
        while not tally.over:
            try:
                answer = await client.post(url, json=_ask("hello"))
                if answer.content != ANSWER:
                    tally.failures.append(f"{answer.status_code} {answer.text[:200]}")
            except httpx.HTTPError as error:
                tally.failures.append(f"{type(error).__name__} {error}")
            tally.requests += 1
            await asyncio.sleep(0.002)


async def _listener(url: str, tally: Tally) -> None:
    """Have one stream open after the other, each to its end."""
    whole = EVENT * EVENTS + LAST
    async with httpx.AsyncClient(timeout=30) as client:
        while not tally.over:
            try:
                answer = await client.post(url, json=_ask("hello", stream=True))
                if answer.content != whole:
                    tally.failures.append(f"a stream of {len(answer.content)} bytes: {answer.text[-200:]}")
            except httpx.HTTPError as error:
                tally.failures.append(f"a stream: {type(error).__name__} {error}")
            tally.streams += 1


def _push(config: Path, folder: Path) -> tuple[int, dict[str, Any]]:
    """Give the command; its exit code, and what it says."""
    words = ["rules", "push", str(folder), "--reason", "load", "--config", str(config), "--json"]
    done = CliRunner().invoke(guard, words)
    return done.exit_code, orjson.loads(done.stdout) if done.stdout else {}


async def _push_all(place: Path, url: str, pushes: int, rules: int, tally: Tally) -> list[float]:
    """Push again and again; how many seconds each was not in force yet."""
    seconds = []
    folder = place / "pushed"
    async with httpx.AsyncClient(timeout=30) as client:
        for number in range(1, pushes + 1):
            write(folder, number, rules)
            code, told = await asyncio.to_thread(_push, place / "guard.yaml", folder)
            if code or told["late"] or told["workers"] != WORKERS:
                tally.failures.append(f"push {number}: exit code {code}, {told}")
            else:
                seconds.append(told["seconds"])
            if (await client.post(url, json=_ask(f"a forbidden{number} word"))).status_code != 400:
                tally.failures.append(f"push {number} is not in force though it was said to be")
            if number % BROKEN_EVERY == 0:
                (folder / "20-broken.yaml").write_text("- id: [")
                if (await asyncio.to_thread(_push, place / "guard.yaml", folder))[0] != 1:
                    tally.failures.append(f"a broken push after {number} was not refused")
                (folder / "20-broken.yaml").unlink()
    return seconds


async def run(pushes: int, rules: int, place: Path) -> dict[str, Any]:
    """Push so many times, with so many rules each time and for each target."""
    tally = Tally()
    data = {"listen": "127.0.0.1:0", "workers": WORKERS, "drain_timeout": 5}
    async with listening(_model) as port:
        with serving(place, port, http={}, upstream={}, data=data) as one:
            while len(running(place / "state", one.journal)) < WORKERS:
                await asyncio.sleep(0.02)
            url = f"http://127.0.0.1:{one.port}/v1/chat/completions"
            clients = [asyncio.create_task(_client(url, tally)) for _ in range(CLIENTS)]
            clients += [asyncio.create_task(_listener(url, tally)) for _ in range(STREAMS)]
            began, before = time.monotonic(), _memory(place, one.journal)
            seconds = await _push_all(place, url, pushes, rules, tally)
            took = time.monotonic() - began
            grown = _memory(place, one.journal) - before
            tally.over = True
            await asyncio.gather(*clients)
    return {
        "pushes": pushes,
        "rules": 2 * rules,
        "seconds": round(took, 1),
        "requests": tally.requests,
        "streams": tally.streams,
        "failures": tally.failures,
        "memory_grown": grown,
        "in_force": {"p50": _share(seconds, 50), "p99": _share(seconds, 99), "most": _share(seconds, 100)},
    }


def _memory(place: Path, journal: Path) -> int:
    """Bytes that all workers have in use."""
    pages = [int(Path(f"/proc/{one.pid}/statm").read_text().split()[1]) for one in running(place / "state", journal)]
    return sum(pages) * os.sysconf("SC_PAGE_SIZE")


def _share(seconds: Sequence[float], percent: int) -> float | None:
    """What so many percent of them are at most."""
    return sorted(seconds)[max(len(seconds) * percent // 100 - 1, 0)] if seconds else None


@click.command(help=__doc__)
@click.option("--pushes", type=click.IntRange(1), default=1_000, show_default=True, help="How many.")
@click.option("--rules", type=click.IntRange(1), default=25, show_default=True, help="In each, for each target.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of lines.")
def main(pushes: int, rules: int, as_json: bool) -> None:
    """Push, and end with 1 if anything failed."""
    with tempfile.TemporaryDirectory(prefix="pushes-") as place:
        report = asyncio.run(run(pushes, rules, Path(place)))
    if as_json:
        sys.stdout.buffer.write(orjson.dumps(report, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    else:
        _print(report)
    sys.exit(bool(report["failures"]))


def _print(report: dict[str, Any]) -> None:
    for line in report["failures"][:SHOWN]:
        click.echo(line)
    count = len(report["failures"])
    click.echo(
        f"{report['pushes']} pushes of {report['rules']} rules in {report['seconds']} s; {report['requests']:,}"
        f" requests and {report['streams']} streams meanwhile, {count} failures;"
        f" the workers' memory grew by {report['memory_grown'] / 1e6:.0f} MB"
    )
    times = [f"{name} {1000 * value:.0f} ms" for name, value in report["in_force"].items() if value is not None]
    click.echo(f"in force on every worker after {', '.join(times)}")


if __name__ == "__main__":
    main()
