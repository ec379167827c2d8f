"""A connection to the store: commands and scripts, each with a bound on its time, and errors that can be shown.

A command of which no answer came has its connection closed with it, so that no later command can get that answer.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

from guard.config import Store
from guard.store.errors import StoreError
from guard.store.redis.errors import told
from guard.store.redis.library import address_of, async_client, client, to_close
from guard.store.redis.script import Script

Word = str | bytes | int | float


class Connection:
    """Asks the store and waits for the answer, from any thread; connects when it is first asked, and anew if need be.

    Attributes:
        address: where the store is; its `str` may be shown.
        fleet: what this fleet's keys begin with, as `guard.store.redis.script.key` makes them.
        timeout: how long (seconds) it waits for the store to be reached, and for an answer.
    """

    def __init__(self, store: Store) -> None:
        self.address = address_of(store)
        self.fleet = store.name
        self.timeout = store.timeout
        self._store = store
        self._client: Any = None
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def call(self, *command: Word) -> Any:
        """What the store answers to a command: numbers, bytes, and lists of them.

        Raises:
            StoreError: it cannot be reached, is too slow, or refuses.
        """
        return self._ask(lambda client: client.execute_command(*command))

    def run(self, script: Script, keys: Sequence[str], arguments: Sequence[Word] = ()) -> Any:
        """What a script answers.

        Raises:
            StoreError: as `call`.
        """
        from redis.exceptions import NoScriptError

        def ask(client: Any) -> Any:
            try:
                return client.execute_command("EVALSHA", script.digest, len(keys), *keys, *arguments)
            except NoScriptError:
                return client.execute_command("EVAL", script.text, len(keys), *keys, *arguments)

        return self._ask(ask)

    def close(self) -> None:
        """End all connections that there are."""
        with self._lock:
            given, self._client = self._client, None
        for one in to_close(given, self.address) if given is not None else ():
            one.close()

    def _ask(self, ask: Any) -> Any:
        made = self._made()
        from redis.exceptions import RedisError

        try:
            return ask(made)
        except (RedisError, OSError) as error:
            raise self._failed(error) from None

    def _made(self) -> Any:
        with self._lock:
            if self._client is None:
                self._client = self._make()
            return self._client

    def _make(self) -> Any:
        try:
            return client(self._store, self.address)
        except StoreError:
            raise
        except Exception as error:  # a cluster's client connects as it is made
            raise told(self.address, error, self.timeout) from None

    def _failed(self, error: Exception) -> StoreError:
        trouble = told(self.address, error, self.timeout)
        if self.address.kind == "cluster" and trouble.unsure:
            self.close()  # what it knew of the cluster's nodes may be no longer so
        return trouble


class AsyncConnection:
    """The same for one event loop. A task that is cancelled while it waits leaves nothing behind for the next."""

    def __init__(self, store: Store) -> None:
        self.address = address_of(store)
        self.fleet = store.name
        self.timeout = store.timeout
        self._store = store
        self._client: Any = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def call(self, *command: Word) -> Any:
        """What the store answers to a command.

        Raises:
            StoreError: it cannot be reached, is too slow, or refuses.
        """
        made = self._made()
        from redis.exceptions import RedisError

        try:
            return await made.execute_command(*command)
        except (RedisError, OSError) as error:
            raise told(self.address, error, self.timeout) from None

    async def run(self, script: Script, keys: Sequence[str], arguments: Sequence[Word] = ()) -> Any:
        """What a script answers.

        Raises:
            StoreError: as `call`.
        """
        made = self._made()
        from redis.exceptions import NoScriptError, RedisError

        try:
            try:
                return await made.execute_command("EVALSHA", script.digest, len(keys), *keys, *arguments)
            except NoScriptError:
                return await made.execute_command("EVAL", script.text, len(keys), *keys, *arguments)
        except (RedisError, OSError) as error:
            raise told(self.address, error, self.timeout) from None

    async def close(self) -> None:
        """End all connections that there are."""
        given, self._client = self._client, None
        for one in to_close(given, self.address) if given is not None else ():
            await one.aclose()

    def _made(self) -> Any:
        if self._client is None:
            self._client = async_client(self._store, self.address)
        return self._client
