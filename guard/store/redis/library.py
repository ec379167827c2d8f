"""The one place that knows the library `redis`: a store's address becomes one of its clients.

No client repeats a command by itself: who asks knows for how long it is worth asking.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Any, NamedTuple

from guard.config import Store
from guard.store.address import Address, parse
from guard.store.errors import StoreError

CLUSTER_TRIES = 3
"""How often a cluster is asked, for a key may have moved to another of its nodes."""


def address_of(store: Store) -> Address:
    """Where the store is, with the password that it has beside the URL.

    Raises:
        ValueError: that is no store's address; without a `url` there is none.
    """
    address = parse(store.url or "")
    return address if store.password is None else replace(address, password=store.password)


def client(store: Store, address: Address) -> Any:
    """A client that waits in its thread; it connects when it is first asked something.

    Raises:
        StoreError: the library is not installed.
        redis.RedisError: it is a cluster, and none of its nodes answers.
    """
    _need_library()
    from redis import Redis, RedisCluster, cluster, retry, sentinel

    parts = _Parts(Redis, retry.Retry, sentinel.Sentinel, RedisCluster, cluster.ClusterNode)
    return _made(parts, store, address)


def async_client(store: Store, address: Address) -> Any:
    """The same for an event loop.

    Raises:
        StoreError: the library is not installed.
    """
    _need_library()
    from redis.asyncio import Redis, RedisCluster, cluster, retry, sentinel

    parts = _Parts(Redis, retry.Retry, sentinel.Sentinel, RedisCluster, cluster.ClusterNode)
    return _made(parts, store, address)


class _Parts(NamedTuple):
    """What the library has twice, for threads and for event loops."""

    server: Any
    retry: Any
    sentinel: Any
    cluster: Any
    node: Any


def _made(parts: _Parts, store: Store, address: Address) -> Any:
    from redis.backoff import NoBackoff

    options = _options(store, address)
    if address.kind == "cluster":
        nodes = [parts.node(*host) for host in address.hosts]
        return parts.cluster(startup_nodes=nodes, retry=parts.retry(NoBackoff(), CLUSTER_TRIES - 1), **options)
    options["retry"] = parts.retry(NoBackoff(), 0)
    if address.kind == "sentinel":
        # The user and the password are the store's, not the sentinels'.
        asked = {name: value for name, value in options.items() if name not in ("username", "password")}
        sentinels = parts.sentinel(address.hosts, sentinel_kwargs=asked, db=address.database, **options)
        return sentinels.master_for(address.service)
    ((host, port),) = address.hosts
    return parts.server(host=host, port=port, db=address.database, **options)


def to_close(client: Any, address: Address) -> list[Any]:
    """All that has connections of its own: a client, and those of its sentinels."""
    return [client, *client.connection_pool.sentinel_manager.sentinels] if address.kind == "sentinel" else [client]


def _need_library() -> None:
    try:
        import redis  # noqa: F401  whether it is there
    except ImportError:
        get = f"{sys.executable} -m pip install 'guard-gateway[redis]'"
        raise StoreError(f"the library redis is not installed; get it with: {get}") from None


def _options(store: Store, address: Address) -> dict[str, Any]:
    options: dict[str, Any] = {
        "username": address.user,
        "password": address.password,
        "socket_timeout": store.timeout,
        "socket_connect_timeout": store.timeout,
        "protocol": 2,  # whose replies have one shape in all versions of the library
    }
    if address.tls:
        options |= {"ssl": True, "ssl_check_hostname": True, "ssl_ca_certs": store.ca}
    return options
