"""What the control process is told: the configuration, without the keys in it, for it needs none."""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from guard.config import Config


def encode(config: Config) -> bytes:
    """A configuration as one line."""
    return msgspec.json.encode(_without_keys(config)) + b"\n"


def decode(line: bytes) -> Config:
    """A configuration from a line.

    Raises:
        ValueError: it has none.
    """
    return msgspec.json.decode(line, type=Config)


def _without_keys(config: Config) -> Config:
    models = {
        name: replace(model, versions={label: replace(one, key=None) for label, one in model.versions.items()})
        for name, model in config.models.items()
    }
    clients = {name: replace(client, key=None, key_hash=None) for name, client in config.clients.items()}
    blocks = tuple(block for block in config.blocks if block.key is None)
    journal = replace(config.journal, witnesses=(), ship=type(config.journal.ship)())
    return replace(config, models=models, clients=clients, blocks=blocks, journal=journal)
