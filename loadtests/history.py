"""A start with a long history: a million old changes in the control log.

    make history [ARGS=--help]

Writes so many changes, the last of which blocks everybody on this machine, and lets a guard write its snapshot. Then a
guard is started several times on that state, and on an empty one. Passes (exit code 0) if the long history makes a
start less than a second longer, and the first request after it is refused.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import click
import httpx
import orjson

from guard.custody.control import append_all, change_record
from guard.custody.snapshot import FILE
from guard.demo.children import Child

BATCH = 1_000
LONGER_SECONDS = 1.0
PATIENCE = 300.0
ASK = {"model": "chat", "messages": [{"role": "user", "content": "hi"}]}


def write_history(journal: Path, changes: int, in_force: int) -> None:
    """Blocks of accounts that nobody has, most of them taken back, and one that counts."""
    for first in range(0, changes, BATCH):
        append_all(journal, [_change(number, in_force) for number in range(first, min(first + BATCH, changes))])
    everybody = {"type": "block", "kind": "ip", "value": "127.0.0.0/8"}
    append_all(journal, [change_record(everybody, reason="the one that counts", actor="load")])


def _change(number: int, in_force: int) -> dict[str, Any]:
    kind = "block" if number < in_force or number % 2 == 0 else "unblock"
    value = f"a{number if number < in_force else number // 2}"
    return change_record({"type": kind, "kind": "account", "value": value}, reason="old", actor="load")


def configuration(folder: Path) -> Path:
    """A guard of one worker before a model that nobody needs."""
    path = folder / "guard.yaml"
    path.write_bytes(
        orjson.dumps(
            {
                "data": {"listen": "127.0.0.1:0", "drain_timeout": 1},
                "admin": {"listen": None},
                "state": str(folder / "state"),
                "rules": {"dir": None},
                "models": {"chat": {"versions": {"v1": {"url": "http://127.0.0.1:1"}}, "active": "v1"}},
                "routes": [{"path": "/v1/", "format": "openai", "model": "chat"}],
            }
        )
    )
    return path


def start(folder: Path, *, until: Path | None = None) -> tuple[float, int]:
    """Start a guard and ask it once: the seconds until it answers, and the answer's status.

    With `until` the guard goes on until that file is there.
    """
    began = time.monotonic()
    with Child("guard", ["serve", "--config", str(configuration(folder)), "--json"], folder) as child:
        url = child.first_line()["listening"]
        answer = httpx.post(f"{url}/v1/chat/completions", json=ASK, timeout=PATIENCE)
        seconds = time.monotonic() - began
        while until is not None and not until.exists():
            if time.monotonic() - began > PATIENCE:
                raise TimeoutError(f"{until} is not there after {PATIENCE:g} seconds")
            time.sleep(0.1)
    return seconds, answer.status_code


def run(changes: int, in_force: int, starts: int, most: float = LONGER_SECONDS) -> dict[str, Any]:
    """The report; a start may take `most` seconds longer."""
    with tempfile.TemporaryDirectory(prefix="history-") as place:
        long, short = Path(place) / "long", Path(place) / "short"
        short.mkdir()
        write_history(long / "state" / "journal", changes, in_force)
        first, _ = start(long, until=long / "state" / FILE)
        with_history, statuses, without = [], set(), []
        for _ in range(starts):
            seconds, status = start(long)
            with_history.append(seconds)
            statuses.add(status)
            without.append(start(short)[0])
    longer = median(with_history) - median(without)
    wrong = [f"a start is {longer:.2f} s longer"] if longer >= most else []
    wrong += [f"a request was answered with {status}" for status in statuses - {403}]
    return {
        "changes": changes,
        "in_force": in_force,
        "first": round(first, 2),
        "with": [round(one, 2) for one in with_history],
        "without": [round(one, 2) for one in without],
        "longer": round(longer, 2),
        "wrong": wrong,
    }


@click.command(help=__doc__)
@click.option("--changes", type=click.IntRange(BATCH), default=1_000_000, show_default=True, help="How many old ones.")
@click.option("--in-force", type=click.IntRange(0), default=1_000, show_default=True, help="How many still hold.")
@click.option("--starts", type=click.IntRange(1), default=5, show_default=True, help="How often each is started.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of lines.")
def main(changes: int, in_force: int, starts: int, as_json: bool) -> None:
    """Start, and end with 1 if it takes too long."""
    report = run(changes, in_force, starts)
    if as_json:
        sys.stdout.buffer.write(orjson.dumps(report, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    else:
        click.echo(f"{changes:,} changes: {report['first']} s without a snapshot, then {report['with']} s")
        click.echo(f"none: {report['without']} s; a start is {report['longer']} s longer")
        for line in report["wrong"]:
            click.echo(line)
    sys.exit(bool(report["wrong"]))


if __name__ == "__main__":
    main()
