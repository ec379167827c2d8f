"""Which callers orders can be about here, by the configuration: what a list of many is held against."""

from __future__ import annotations

from msgspec import Struct

from guard.config import Config


class Known(Struct, frozen=True):
    """Names that there are; `sessions`: whether a header names sessions; `proxies`: who speaks for others."""

    clients: frozenset[str]
    accounts: frozenset[str]
    sessions: bool
    proxies: tuple[str, ...]


def known(config: Config) -> Known:
    """Those of a configuration."""
    accounts = {client.account for client in config.clients.values() if client.account is not None}
    return Known(
        frozenset(config.clients),
        frozenset(accounts),
        config.identify.session_header is not None,
        tuple(config.identify.trusted_proxies),
    )
