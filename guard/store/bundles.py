"""Rules that were pushed, by the hash of their parcel, for the machines that do not have them yet.

::

    guard:{fleet}:bundles         by hash, the parcel
    guard:{fleet}:bundles:order   the hashes, by when each was last offered

The order of changes says which rules are in force; here is only what they are. Whatever is read is held against its
hash.
"""

from __future__ import annotations

from hashlib import sha1, sha256

from guard.store.connection import Connection
from guard.store.errors import StoreError
from guard.store.script import Script, key

KEPT = 10
"""How many there are, those that were offered last."""

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


class Bundles:
    """The parcels in the store. Every method may raise StoreError: it cannot be reached, is too slow, or refuses."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._keys = [key(connection.fleet, what) for what in ("bundles", "bundles:order")]

    def get(self, name: str) -> bytes | None:
        """The parcel with that hash; None: it is not there.

        Raises:
            StoreError: what is there has another hash.
        """
        data: bytes | None = self._connection.call("HGET", self._keys[0], name)
        if data is not None and sha256(data).hexdigest() != name:
            raise StoreError(f"the store {self._connection.address}: what it has as the rules {name[:12]} are others")
        return data

    def put(self, name: str, data: bytes) -> None:
        """Offer a parcel to all; it is sent only if it is not there yet, or not as it was."""
        if not self._connection.run(_KNOWN, self._keys, [name, sha1(data, usedforsecurity=False).hexdigest()]):
            self._connection.run(_PUT, self._keys, [name, data, KEPT])
