"""Clients of the library, and its absence."""

import builtins
import sys

import pytest

from guard.config import Store
from guard.store.errors import StoreError
from guard.store.redis.connection import AsyncConnection, Connection
from guard.store.redis.library import address_of


def test_a_missing_library_is_told(monkeypatch):
    """Without the extra the error says how to get it, in the guard's own Python."""
    real = builtins.__import__

    def without(name, *rest):
        if name.partition(".")[0] == "redis":
            raise ImportError(name)
        return real(name, *rest)

    connection = Connection(Store(url="redis://127.0.0.1:1"))
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(StoreError, match=r"get it with: .* 'guard-gateway\[redis\]'") as caught:
        connection.call("PING")
    assert sys.executable in str(caught.value)


async def test_a_missing_library_is_told_to_event_loops(monkeypatch):
    """Likewise there."""
    monkeypatch.setitem(sys.modules, "redis", None)
    with pytest.raises(StoreError, match="not installed"):
        await AsyncConnection(Store(url="redis://127.0.0.1:1")).call("PING")


def test_a_password_may_stand_beside_the_url():
    """It is the same as one in it."""
    assert address_of(Store(url="redis://u@h", password="pw")).password == "pw"
    assert address_of(Store(url="redis://u:in@h")).password == "in"


def test_without_a_url_there_is_no_store():
    """Whoever connects has looked whether there is one."""
    with pytest.raises(ValueError, match="redis"):
        Connection(Store())
