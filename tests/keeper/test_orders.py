"""What a keeper is told."""

from pathlib import Path

import msgspec
import pytest

from guard.config import Config, Journal, Model, RedisSink, Route, Ship, Version, Witness
from guard.keeper.orders import Orders, decode, encode, orders


def test_orders_come_back_from_their_line():
    """All that the configuration says of the journal is in one line."""
    journal = Journal(witnesses=(Witness(file="/w"),), ship=Ship(redis=RedisSink(url="redis://a\nb")))
    config = Config(
        models={"m": Model(versions={"v": Version(url="http://h")}, active="v")},
        routes=(Route(path="/", format="openai", model="m"),),
        state="/state",
        journal=journal,
    )
    line = encode(orders(config))
    assert line.count(b"\n") == 1
    given = decode(line)
    assert given == Orders("/state", journal)
    assert (given.folder, given.notes) == (Path("/state/journal"), Path("/state/keeper"))


def test_a_line_that_is_no_order_is_refused():
    """Half a line is none."""
    with pytest.raises(msgspec.DecodeError):
        decode(b'{"state":"/s"')
