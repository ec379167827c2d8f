"""What the control process is told."""

import pytest

from guard.admin.orders import decode, encode
from guard.config import Block, Client, Config, Journal, Model, RedisSink, Route, Ship, Version, Witness


def test_a_configuration_comes_over_without_its_keys():
    """All else is as it was."""
    config = Config(
        models={"chat": Model(versions={"v1": Version(url="http://m", key="secret-1")}, active="v1")},
        routes=(Route(path="/v1/", format="openai", model="chat"),),
        clients={"web": Client(key="secret-2", account="acme"), "app": Client(key_hash="secret-3")},
        blocks=(Block(key="secret-4"), Block(ip="192.0.2.1")),
        journal=Journal(
            witnesses=(Witness(url="https://w/secret-5", key="secret-6"),),
            ship=Ship(redis=RedisSink(url="redis://secret-7")),
        ),
        state="/state",
    )
    line = encode(config)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert b"secret" not in line
    told = decode(line)
    assert (told.clients["web"].account, told.state, told.models["chat"].active) == ("acme", "/state", "v1")
    assert told.blocks == (Block(ip="192.0.2.1"),)


def test_what_is_none_is_refused():
    """As a line that was cut off."""
    with pytest.raises(ValueError, match="truncated"):
        decode(b'{"models"')
