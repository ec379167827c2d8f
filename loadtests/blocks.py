"""What blocks cost: a request where there are none, one, and a hundred thousand, and one more of them.

    make blocks [ARGS=--help]

First the processor time that telling who asks and whether they are blocked takes of a request, in this process: with a
head that the connection has shown before, and with one that is new each time. Then a guard with some workers, which
somebody keeps asking 200 times a second, imports a list; one more is blocked, again and again, and served again; and
then all of the list is over at once. Ends with 1 if one more was not in force on every worker within a tenth of a
second, the median of all.
"""

from __future__ import annotations

import gc
import json
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from random import Random
from typing import Any

import click
import orjson

from guard.custody.workers import running
from guard.demo.children import Child
from guard.exchange import Exchange
from guard.measures import Block, Measures
from guard.policy.clients import ANONYMOUS
from guard.policy.meters import Meters
from guard.policy.policy import Policy, with_measures
from guard.refusal import Refusal
from guard.stages.block import block
from guard.stages.identify import identify
from guard.wire.head import RequestHead
from tests.support.values import config, policy

SECONDS = 0.1
RATE = 200
CONNECTIONS = 16
ADDRESSES = 10_000
CONFIG = """
data: {{listen: "127.0.0.1:0", workers: {workers}}}
admin: {{listen: "127.0.0.1:0"}}
rules: {{dir: null}}
models: {{chat: {{versions: {{v1: {{url: "http://127.0.0.1:9"}}}}, active: v1}}}}
routes: [{{path: /v1/, format: openai, model: chat}}]
"""


def networks(count: int, random: Random) -> list[str]:
    """So many different ones of both families, of some sixty lengths, and none that holds this machine."""
    found: set[str] = set()
    while len(found) < count:
        if random.random() < 0.5:
            length = random.choice([32] * 6 + [24] * 3 + list(range(14, 33)))
            found.add(str(IPv4Network(((128 << 24) | random.getrandbits(31), length), strict=False)))
        else:
            length = random.choice([128, 64, 48, *range(20, 60)])
            found.add(str(IPv6Network(((2 << 124) | random.getrandbits(125), length), strict=False)))
    return sorted(found)


def exchanges(policy: Policy, random: Random) -> list[Exchange]:
    """Requests that nobody has in a list, each from another address."""
    made = []
    for _ in range(ADDRESSES):
        one = Exchange()
        one.peer = one.address = f"{random.randrange(1, 127)}.{random.randrange(256)}.{random.randrange(256)}.7"
        one.policy, one.identity = policy, ANONYMOUS
        fields = [(b"host", b"guard"), (b"user-agent", b"Mozilla/5.0 (X11; Linux x86_64)")]
        one.head = RequestHead(fields, "1.1")
        made.append(one)
    return made


def spent(asked: list[Exchange], *, fresh: bool) -> float:
    """Microseconds of processor time for each, of those that pass; `fresh`: their heads were never seen."""
    meters = Meters()
    if fresh:
        for one in asked:
            one.head.caller = one.head.blocked = None
    began = time.process_time()
    for one in asked:
        try:
            identify(one, meters)
            block(one, meters)
        except Refusal:
            one.findings.clear()
    return (time.process_time() - began) / len(asked) * 1e6


def path(listed: list[str], rounds: int) -> dict[str, Any]:
    """What a request costs with none of them, one, and all; medians of rounds that take turns."""
    settings, bare = config(), policy()
    whole = [Block("ip", one, "r") for one in listed]
    asked = {
        name: exchanges(with_measures(bare, settings, Measures(1, blocks), 2, bare.rules), Random(7))
        for name, blocks in (("none", []), ("one", whole[:1]), ("all", whole))
    }
    # As in a worker: what is there stays, and the collector need not go through it.
    gc.collect()
    gc.freeze()
    report: dict[str, Any] = {}
    for kind, fresh in (("seen", False), ("new", True)):
        for one in asked.values():
            spent(one, fresh=True)
        times: dict[str, list[float]] = {name: [] for name in asked}
        for _ in range(rounds):
            for name, one in asked.items():
                times[name].append(spent(one, fresh=fresh))
        report[kind] = {name: statistics.median(found) for name, found in times.items()}
    return report


@contextmanager
def asking(url: str) -> Iterator[list[float]]:
    """Some connections ask a probe again and again, all together `RATE` times a second; how many milliseconds each
    answer took.
    """
    host, port = url.removeprefix("http://").split(":")
    taken: list[float] = []
    over = threading.Event()

    def ask() -> None:
        with socket.create_connection((host, int(port)), timeout=30) as connection:
            while not over.wait(CONNECTIONS / RATE):
                began = time.monotonic()
                connection.sendall(b"GET /healthz HTTP/1.1\r\nhost: guard\r\n\r\n")
                connection.recv(65_536)
                taken.append((time.monotonic() - began) * 1000)

    threads = [threading.Thread(target=ask) for _ in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    try:
        yield taken
    finally:
        over.set()
        for thread in threads:
            thread.join()


def order(folder: Path, *words: str) -> dict[str, Any]:
    """Give a command; what it says."""
    command = [sys.executable, "-m", "guard.cli", *words, "--reason", "load"]
    command += ["--config", str(folder / "guard.yaml"), "--json"]
    told: dict[str, Any] = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
    return told


def seconds(folder: Path, command: str, addresses: Sequence[str]) -> list[float]:
    """After how many seconds each order was in force."""
    return [order(folder, *command.split(), address)["seconds"] for address in addresses]


def memory(folder: Path, what: str) -> float:
    """Megabytes of the largest worker: those it has (VmRSS), or has had (VmHWM)."""
    pids = [one.pid for one in running(folder / "var", folder / "var" / "journal")]
    lines = [line for pid in pids for line in Path(f"/proc/{pid}/status").read_text().splitlines()]
    return max(int(line.split()[1]) for line in lines if line.startswith(what)) / 1_000


def in_force(listed: list[str], workers: int, more: int, lasts: int, folder: Path) -> dict[str, Any]:
    """How long a list takes until it is in force on some workers, and then one more, or one less, and how long one more
    takes while all of the list is over; and who waited meanwhile.
    """
    (folder / "guard.yaml").write_text(CONFIG.format(workers=workers))
    (folder / "list").write_text("\n".join(listed))
    one_more = [f"198.51.100.{number}" for number in range(1, more + 1)]
    waited: dict[str, list[float]] = {}
    with Child("guard", ["serve", "--config", str(folder / "guard.yaml"), "--json"], folder) as guard:
        url = guard.first_line()["listening"]
        while (told := order(folder, "block", "ip", "192.0.2.1"))["workers"] < workers or told["via"] != "api":
            time.sleep(0.05)
        bare = memory(folder, "VmRSS")
        with asking(url) as waited["before"]:
            before = seconds(folder, "block ip", [f"192.0.2.{number}" for number in range(1, more + 1)])
        with asking(url) as waited["import"]:
            began = time.monotonic()
            told = order(folder, "block", "import", str(folder / "list"), "--format", "plain", "--for", f"{lasts}s")
            took = time.monotonic() - began
        full = memory(folder, "VmRSS")
        with asking(url) as waited["after"]:
            after = seconds(folder, "block ip", one_more)
            less = seconds(folder, "unblock ip", one_more)
        time.sleep(max(began + lasts - time.monotonic(), 0.0))
        with asking(url) as waited["over"]:
            over = seconds(folder, "block ip", one_more)
        peak = memory(folder, "VmHWM")
    return {
        "workers": workers,
        "import": took,
        "late": len(told["late"]),
        "one": {"before": _spread(before), "after": _spread(after), "less": _spread(less), "over": _spread(over)},
        "probe_ms": {name: _spread(found) for name, found in waited.items()},
        "worker_mb": {"before": bare, "after": full, "most": peak},
    }


def _spread(found: list[float]) -> dict[str, float]:
    ordered = sorted(found)
    return {"median": statistics.median(ordered), "p99": ordered[int(len(ordered) * 0.99)], "most": ordered[-1]}


@click.command(help=__doc__)
@click.option("--count", type=click.IntRange(1), default=100_000, show_default=True, help="How many blocks.")
@click.option("--workers", type=click.IntRange(1), default=4, show_default=True, help="Of the guard.")
@click.option("--rounds", type=click.IntRange(1), default=9, show_default=True, help="Of the first part.")
@click.option("--more", type=click.IntRange(1, 250), default=20, show_default=True, help="How often one more.")
@click.option("--lasts", type=click.IntRange(1), default=60, show_default=True, help="Seconds until all are over.")
@click.option("--seed", type=int, default=1, show_default=True, help="Of the list.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of lines.")
def main(count: int, workers: int, rounds: int, more: int, lasts: int, seed: int, as_json: bool) -> None:
    """Measure, and end with 1 if one more takes too long."""
    listed = networks(count, Random(seed))
    report: dict[str, Any] = {"count": count, "path_us": path(listed, rounds)}
    with tempfile.TemporaryDirectory(prefix="blocks-") as place:
        report["in_force"] = found = in_force(listed, workers, more, lasts, Path(place))
    if as_json:
        sys.stdout.buffer.write(orjson.dumps(report, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    else:
        _print(report)
    sys.exit(bool(found["late"]) or found["one"]["after"]["median"] > SECONDS)


def _print(report: dict[str, Any]) -> None:
    for kind, times in report["path_us"].items():
        shares = ", ".join(f"{name} {us:.2f} us ({us / times['none']:.2f})" for name, us in times.items())
        click.echo(f"a head that is {kind}: {shares}")
    found = report["in_force"]
    click.echo(f"{report['count']:,} in force on {found['workers']} workers after {found['import']:.1f} s")
    for name, what in (("before", "before"), ("after", "after"), ("less", "one less"), ("over", "while all are over")):
        one = found["one"][name]
        click.echo(f"one more, {what}: {one['median'] * 1000:.0f} ms (median), {one['most'] * 1000:.0f} ms at most")
    for name, ms in found["probe_ms"].items():
        click.echo(
            f"a probe, {name}: {ms['median']:.1f} ms (median), {ms['p99']:.0f} ms (p99), {ms['most']:.0f} ms at most"
        )
    mb = found["worker_mb"]
    click.echo(f"a worker has {mb['before']:.0f} MB before, {mb['after']:.0f} MB after, {mb['most']:.0f} MB at most")


if __name__ == "__main__":
    main()
