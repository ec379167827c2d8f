"""The guard with everything on beside Envoy, nginx and a bare prototype, in one run: `python -m loadtests.compare`."""

from __future__ import annotations

import os
import platform
import signal
import sys
from pathlib import Path
from statistics import median
from typing import Any, NoReturn

import click
import orjson
from rich.console import Console
from rich.table import Table

from loadtests import peers, wrk
from loadtests.bench import Bench, Samples
from loadtests.program import ProgramError

NAMES = ("envoy", "nginx", "prototype", "guard")
LABELS = {"envoy": "Envoy", "nginx": "nginx", "prototype": "prototype, all on", "guard": "guard, all on"}
COLUMNS = {"rate": "req/s", "p50_us": "p50", "p99_us": "p99", "alone_p50_us": "p50 alone", "alone_p99_us": "p99 alone"}

STEADY = 0.8  # the slowest round's least share of the fastest on a quiet machine


def _names(_context: click.Context, _option: click.Parameter, value: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in value.split(","))
    unknown = [name for name in names if name not in NAMES]
    if unknown:
        raise click.BadParameter(f"{unknown[0]!r} is none of {', '.join(NAMES)}")
    return names


@click.command(help=__doc__)
@click.option("--only", default=",".join(NAMES), callback=_names, show_default=True, help="Peers to measure.")
@click.option(
    "--prototype",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The prototype's script; without it the prototype is skipped.",
)
@click.option("--rounds", type=click.IntRange(1), default=3, show_default=True, help="How often each peer is measured.")
@click.option("--seconds", type=click.IntRange(1), default=5, show_default=True, help="Length of one measurement.")
@click.option("--warm-up", type=click.IntRange(1), default=2, show_default=True, help="Seconds of load before it.")
@click.option(
    "--dir",
    "folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Where journals are written meanwhile (up to 2 GB); a real disk, not a RAM disk.  [default: the system's]",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of a table.")
def main(
    only: tuple[str, ...],
    prototype: Path | None,
    rounds: int,
    seconds: int,
    warm_up: int,
    folder: Path | None,
    as_json: bool,
) -> None:
    """Measure, and print what came out."""
    signal.signal(signal.SIGTERM, _leave)
    say = Console(stderr=True)
    chosen = {name: peer for name, peer in _peers(prototype).items() if name in only}
    if "prototype" in only and prototype is None:
        say.print("The prototype is skipped: give its script by --prototype.")
    try:
        wrk.command()
        bench = Bench(folder, seconds=seconds, warm_up=warm_up, connections=(32, 1))
        busy = os.getloadavg()[0]
        samples = _measure(bench, chosen, rounds, say)
    except (ProgramError, wrk.WrkError) as error:
        raise click.ClickException(str(error)) from None
    report = _report(samples, busy)
    if as_json:
        sys.stdout.buffer.write(orjson.dumps(report, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    else:
        _print(report, Console())


def _peers(prototype: Path | None) -> dict[str, peers.Peer]:
    every: dict[str, peers.Peer] = {"envoy": peers.envoy, "nginx": peers.nginx, "guard": peers.guard}
    if prototype is not None:
        every["prototype"] = peers.prototype(prototype)
    return every


def _measure(bench: Bench, chosen: dict[str, peers.Peer], rounds: int, say: Console) -> dict[str, list[Samples]]:
    samples: dict[str, list[Samples]] = {name: [] for name in chosen}
    with bench.model() as model, say.status("") as status:
        for number in range(1, rounds + 1):
            for name, peer in chosen.items():
                status.update(f"round {number} of {rounds}: {LABELS[name]}")
                samples[name].append(bench.measure(name, peer, model))
    return samples


def _report(samples: dict[str, list[Samples]], busy: float) -> dict[str, Any]:
    """Medians over the rounds; rates also as shares of Envoy's, round by round."""
    every = {name: _medians(rounds) for name, rounds in samples.items()}
    if "envoy" in every:
        for peer in every.values():
            shares = [rate / envoy for rate, envoy in zip(peer["rates"], every["envoy"]["rates"], strict=True)]
            peer["of_envoy"] = {"median": round(peer["rate"] / every["envoy"]["rate"], 3)}
            peer["of_envoy"]["rounds"] = [round(share, 3) for share in shares]
    machine = {"cores": os.cpu_count(), "load_before": round(busy, 2), "python": platform.python_version()}
    report: dict[str, Any] = {"machine": machine, "peers": every}
    return {**report, "doubts": _doubts(report)}


def _medians(rounds: list[Samples]) -> dict[str, Any]:
    many, one = [samples[32] for samples in rounds], [samples[1] for samples in rounds]
    return {
        "rate": round(median(sample.rate for sample in many)),
        "p50_us": round(median(sample.p50_us for sample in many)),
        "p99_us": round(median(sample.p99_us for sample in many)),
        "alone_p50_us": round(median(sample.p50_us for sample in one)),
        "alone_p99_us": round(median(sample.p99_us for sample in one)),
        "rates": [round(sample.rate) for sample in many],
    }


def _print(report: dict[str, Any], console: Console) -> None:
    table = Table(caption="medians; latencies in us, with 32 connections and alone", caption_justify="left")
    table.add_column("")
    for title in (*COLUMNS.values(), "of Envoy"):
        table.add_column(title, justify="right")
    for name, peer in sorted(report["peers"].items(), key=lambda item: -item[1]["rate"]):
        share = f"{peer['of_envoy']['median']:.2f}" if "of_envoy" in peer else ""
        table.add_row(LABELS[name], *(f"{peer[key]:,}" for key in COLUMNS), share)
    console.print(table)
    guard = report["peers"].get("guard", {})
    if "of_envoy" in guard:
        rounds = " ".join(f"{share:.2f}" for share in guard["of_envoy"]["rounds"])
        console.print(f"guard / Envoy: {guard['of_envoy']['median']:.2f} (rounds: {rounds})", highlight=False)
    for line in report["doubts"]:
        console.print(line, highlight=False)


def _doubts(report: dict[str, Any]) -> list[str]:
    """Why the numbers are less sure than they look: something else ran on the machine, before or meanwhile."""
    busy = report["machine"]["load_before"]
    doubts = [f"The machine was busy before (load {busy})."] if busy > 0.5 else []
    for name, peer in report["peers"].items():
        slowest, fastest = min(peer["rates"]), max(peer["rates"])
        if slowest < STEADY * fastest:
            doubts.append(f"{LABELS[name]}: rounds from {slowest:,} to {fastest:,}; measure again on a quiet machine.")
    return doubts


def _leave(number: int, _frame: object) -> NoReturn:
    """Let the blocks that hold programs end them when this one is asked to end."""
    sys.exit(128 + number)


if __name__ == "__main__":
    main()
