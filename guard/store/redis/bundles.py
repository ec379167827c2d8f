"""Parcels of rules in a Redis or Valkey.

::

    guard:{fleet}:bundles         by hash, the parcel
    guard:{fleet}:bundles:order   the hashes, by when each was last offered
"""

from __future__ import annotations

from hashlib import sha1

from guard.store import bundles
from guard.store.redis.connection import Connection
from guard.store.redis.script import Script, key

_TOUCH = """
local function touch()
  local now = redis.call('TIME')
  local newest = redis.call('ZRANGE', KEYS[2], -1, -1, 'WITHSCORES')[2] or 0
  -- The clock may have gone back since.
  local at = math.max(now[1] + now[2] / 1000000, newest + 0.001)
  redis.call('ZADD', KEYS[2], string.format('%.6f', at), ARGV[1])
end
"""
# The hashes that the store can make itself are no more than SHA-1, which tells what is damaged; who reads looks closer.
_KNOWN = Script(
    _TOUCH
    + """
local there = redis.call('HGET', KEYS[1], ARGV[1])
if not there or redis.sha1hex(there) ~= ARGV[2] then return 0 end
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


class RedisBundles(bundles.Bundles):
    """Those of a fleet."""

    def __init__(self, connection: Connection) -> None:
        self.address = str(connection.address)
        self._connection = connection
        self._keys = [key(connection.fleet, what) for what in ("bundles", "bundles:order")]

    def fetch(self, name: str) -> bytes | None:
        """What is there by that hash."""
        data: bytes | None = self._connection.call("HGET", self._keys[0], name)
        return data

    def put(self, name: str, data: bytes) -> None:
        """Offer a parcel to all; it is sent only if it is not there yet, or not as it was."""
        if not self._connection.run(_KNOWN, self._keys, [name, sha1(data, usedforsecurity=False).hexdigest()]):
            self._connection.run(_PUT, self._keys, [name, data, bundles.KEPT])
