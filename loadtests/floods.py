"""A flood of refused requests on a real guard: the journal stays small, and every refusal is in it or counted.

    make floods [ARGS=--help]

Some known clients and strangers send what is refused before it goes to a model: unknown paths, broken JSON, blocked and
limited callers, forbidden phrases. Passes (exit code 0) if, for every reason, whole records and counts together are the
answers that the clients got, every id that a client saw is in the journal, and the journal grew by little.
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

from guard.demo.children import Child
from loadtests.journal import records
from loadtests.serving import RULE

PIPELINED = 20
PATIENCE = 30.0
BYTES_EACH = 50  # what the journal may grow by for one refusal, all in all
BODIES = {"broken": b'{"messages":', "forbidden": b'{"messages":[{"role":"user","content":"a forbidden phrase"}]}'}
KINDS = ("nowhere", "limited", "broken", "forbidden")


def configuration(folder: Path, each: int, matched: int) -> dict[str, Any]:
    """Three known clients, of whom one is blocked and one has used up what it may ask in an hour."""
    limit = {"per": "account", "requests": "1/h", "burst": 1}
    return {
        "data": {"listen": "127.0.0.1:0", "workers": 1, "drain_timeout": 1},
        "admin": {"listen": None},
        "state": str(folder / "state"),
        "rules": {"dir": str(folder / "rules")},
        "models": {"chat": {"versions": {"v1": {"url": "http://127.0.0.1:1"}}, "active": "v1"}},
        "routes": [{"path": "/v1/", "format": "openai", "model": "chat"}],
        "clients": {"a": {"key": "key-of-a"}, "b": {"key": "key-of-b"}, "c": {"key": "key-of-c", "account": "few"}},
        "blocks": [{"client": "b"}],
        "limits": [limit],
        "journal": {"refusals": {"each": each, "matched": matched}},
    }


def request(kind: str, client: str) -> bytes:
    """One request that is refused; `client` is empty for a stranger."""
    key = f"x-api-key: key-of-{client}\r\n" if client else ""
    if kind == "nowhere":
        return f"GET /nowhere HTTP/1.1\r\nhost: g\r\n{key}\r\n".encode()
    body = BODIES.get(kind, BODIES["broken"])
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: g\r\n{key}content-type: application/json\r\n"
    return b"%bcontent-length: %d\r\n\r\n%b" % (head.encode(), len(body), body)


class Answers:
    """What one connection got: reasons counted, ids kept; a callback object of httptools."""

    def __init__(self) -> None:
        self.reasons: Counter[str] = Counter()
        self.ids: list[str] = []
        self.left = 0
        self.body = b""

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep the exchange's name."""
        if name == b"x-guard-id":
            self.ids.append(value.decode())

    def on_body(self, data: bytes) -> None:
        """Collect."""
        self.body += data

    def on_message_complete(self) -> None:
        """An answer is whole."""
        error = orjson.loads(self.body)["error"]
        self.reasons[error["code"]] += 1
        self.left -= 1
        self.body = b""


async def flood(port: int, client: str, requests: int, answers: Answers) -> None:
    """Send so many requests, some at a time, over connections that are used up."""
    sent = 0
    while sent < requests:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        parser = httptools.HttpResponseParser(answers)
        for number in range(min(9_000, requests - sent) // PIPELINED):
            answers.left = PIPELINED
            writer.write(request(KINDS[number % len(KINDS)], client) * PIPELINED)
            sent += PIPELINED
            while answers.left:
                data = await asyncio.wait_for(reader.read(65_536), PATIENCE)
                if not data:
                    raise ConnectionError("the guard closed a connection in the middle of a flood")
                parser.feed_data(data)
        writer.close()


async def all_floods(port: int, requests: int) -> tuple[Counter[str], list[str]]:
    """Everybody at once; the reasons that were told, and the ids."""
    clients = ("", "a", "b", "c")
    each = -(-requests // len(clients) // PIPELINED) * PIPELINED
    answers = [Answers() for _ in clients]
    await asyncio.gather(*[flood(port, client, each, one) for client, one in zip(clients, answers, strict=True)])
    return sum((one.reasons for one in answers), Counter()), [id for one in answers for id in one.ids]


def run(requests: int, each: int = 100, matched: int = 1_000) -> dict[str, Any]:
    """Start a guard, flood it, stop it, and hold its journal against what the clients were told."""
    with tempfile.TemporaryDirectory(prefix="floods-") as place:
        folder = Path(place)
        (folder / "rules").mkdir()
        (folder / "rules" / "10-load.yaml").write_text(RULE)
        path = folder / "guard.yaml"
        path.write_bytes(orjson.dumps(configuration(folder, each, matched)))
        with Child("guard", ["serve", "--config", str(path), "--json"], folder) as child:
            port = int(child.first_line()["listening"].rpartition(":")[2])
            started = time.monotonic()
            told, ids = asyncio.run(all_floods(port, requests))
            seconds = time.monotonic() - started
        return {"seconds": round(seconds, 1), **held_against(told, ids, folder / "state" / "journal")}


def held_against(told: Counter[str], ids: list[str], journal: Path) -> dict[str, Any]:
    """The report: how much is whole, how much counted, how large the journal is, and all that does not match."""
    whole: Counter[str] = Counter()
    counted: Counter[str] = Counter()
    missing = set(ids)
    for record in records(journal):
        if record["kind"] == "refusals":
            counted[record["reason"]] += record["count"]
        elif record["kind"] == "outcome":
            whole[record["reason"]] += 1
            missing.discard(record["id"])
    size = sum(path.stat().st_size for path in journal.rglob("*.jsonl"))
    wrong = [
        f"{reason}: {told[reason]} answers, {whole[reason]} whole records and {counted[reason]} counted"
        for reason in sorted(told | whole | counted)
        if whole[reason] + counted[reason] != told[reason]
    ]
    wrong += [f"{id} was seen by a client, and is not in the journal" for id in sorted(missing)]
    wrong += [f"{len(ids)} ids were given out for {whole.total()} whole records"] * (len(ids) != whole.total())
    if size > BYTES_EACH * told.total():
        wrong.append(f"the journal has {size} bytes for {told.total()} refusals")
    return {
        "refused": told.total(),
        "told": dict(sorted(told.items())),
        "whole": whole.total(),
        "counted": counted.total(),
        "journal_bytes": size,
        "wrong": wrong,
    }


@click.command(help=__doc__)
@click.option("--requests", type=click.IntRange(1), default=200_000, show_default=True, help="How many, or a few more.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of lines.")
def main(requests: int, as_json: bool) -> None:
    """Flood, and end with 1 if anything does not match."""
    report = run(requests)
    if as_json:
        sys.stdout.buffer.write(orjson.dumps(report, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    else:
        for reason, count in report["told"].items():
            click.echo(f"{count:>9,}  {reason}")
        click.echo(
            f"{report['refused']:,} refused in {report['seconds']} s: {report['whole']:,} whole records and "
            f"{report['counted']:,} counted, a journal of {report['journal_bytes']:,} bytes"
        )
        for line in report["wrong"]:
            click.echo(line)
    sys.exit(bool(report["wrong"]))


if __name__ == "__main__":
    main()
