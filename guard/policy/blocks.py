"""Whom the guard does not serve."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache, partial

from guard import config
from guard.measures import Block
from guard.policy.clients import Clients, Identity
from guard.wire.address import Networks, parse_address

KINDS = ("ip", "account", "client", "key")
REMEMBERED = 16_384


class Blocks:
    """Blocked addresses, networks, accounts, clients and keys, each with the reason given for it."""

    def __init__(self, blocks: Iterable[config.Block], clients: Clients, taken: Iterable[Block] = ()) -> None:
        """Those of the configuration, and those that operators have `taken` since."""
        blocks = tuple(blocks)
        more = {kind: {one.value: one.reason for one in taken if one.kind == kind} for kind in KINDS}
        networks = [block.ip for block in blocks if block.ip is not None] + list(more["ip"])
        # A verdict holds as long as the blocks do, and most callers call again.
        self._network_of = lru_cache(REMEMBERED)(partial(_find, Networks(networks))) if networks else None
        self._accounts = {block.account: block.reason for block in blocks if block.account is not None}
        self._accounts |= more["account"]
        self._clients = {block.client: block.reason for block in blocks if block.client is not None} | more["client"]
        self._keys = {clients.fingerprint(block.key): block.reason for block in blocks if block.key is not None}
        self._keys |= more["key"]

    def find(self, address: str, identity: Identity) -> str | None:
        """What of the caller is blocked (``address 203.0.113.0/24``, ``account acme`` …), or None.

        An address that cannot be parsed (a Unix socket's peer) is in no network.
        """
        if self._network_of is not None:
            network = self._network_of(address)
            if network is not None:
                return f"address {network}"
        if identity.key_id in self._keys:
            return f"key {identity.key_id}"
        client = identity.client
        if client is not None:
            if client.name in self._clients:
                return f"client {client.name}"
            if client.account in self._accounts:
                return f"account {client.account}"
        return None


def _find(networks: Networks, address: str) -> str | None:
    try:
        return networks.find(parse_address(address))
    except ValueError:
        return None
