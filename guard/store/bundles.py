"""Rules that were pushed, by the hash of their parcel, for the machines that do not have them yet.

::

    guard:{fleet}:bundles         by hash, the parcel
    guard:{fleet}:bundles:order   the hashes, by when each was last offered

The order of changes says which rules are in force; here is only what they are. Whatever is read is held against its
hash.
"""

from __future__ import annotations

from hashlib import sha256

from guard.store.connection import Connection
from guard.store.script import Script, key

KEPT = 10
"""How many there are, those that were offered last."""

_TOUCH = """
local function touch()
  local now = redis.call('TIME')
  redis.call('ZADD', KEYS[2], string.format('%d.%06d', now[1], now[2]), ARGV[1])
end
"""
_KNOWN = Script(
    _TOUCH
    + """
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then return 0 end
touch()
return 1
"""
)
_PUT = Script(
    _TOUCH
    + """
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
touch()
for _, old in ipairs(redis.call('ZRANGE', KEYS[2], 0, -1 - ARGV[3])) do
  redis.call('HDEL', KEYS[1], old)
  redis.call('ZREM', KEYS[2], old)
end
"""
)


class Bundles:
    """The parcels in the store. Every method may raise StoreError: it cannot be reached, is too slow, or refuses."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._keys = [key(connection.fleet, what) for what in ("bundles", "bundles:order")]

    def get(self, name: str) -> bytes | None:
        """The parcel with that hash; None: it is not there, or not what it was."""
        data: bytes | None = self._connection.call("HGET", self._keys[0], name)
        return data if data is not None and sha256(data).hexdigest() == name else None

    def put(self, name: str, data: bytes) -> None:
        """Offer a parcel to all; it is sent only if it is not there yet."""
        if not self._connection.run(_KNOWN, self._keys, [name]):
            self._connection.run(_PUT, self._keys, [name, data, KEPT])
