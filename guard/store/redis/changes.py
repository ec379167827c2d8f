"""The changes of a fleet in a Redis or Valkey: a stream.

An entry's id is ``<version>-0``, and it has the change's `id`, the `record` in JSON, and the `link`. All is done by
scripts, each one step to everybody else::

    guard:{fleet}:changes   the stream
    guard:{fleet}:ids       by id, the version that the change has
    guard:{fleet}:epoch     the history's word
"""

from __future__ import annotations

from collections.abc import Sequence
from secrets import token_hex

from guard.store.changes import BATCH, BATCH_BYTES, NOTHING, Added, Changes, Entry, Known, Page, Published, stored, text
from guard.store.redis.connection import Connection
from guard.store.redis.script import Script, key

_LAST = """
local function last_version()
  if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
  local told = redis.call('XINFO', 'STREAM', KEYS[1])
  for place = 1, #told, 2 do
    if told[place] == 'last-generated-id' then
      local last = string.match(told[place + 1], '^%d+')
      -- Beyond that Lua does not count one by one, and behind the last one the store takes no other.
      if tonumber(last) >= 2^53 then
        local told = 'somebody put change %s there, and none can follow: delete %s, which the machines fill again'
        error(string.format(told, last, KEYS[1]))
      end
      return tonumber(last)
    end
  end
end
"""

# What is known by id is of this stream: if the one is gone (evicted, deleted) the other is made anew. A store that is
# full refuses the first thing that is written, and no later one: so that is never one that only makes room.
_APPEND = Script(
    _LAST
    + """
local last = last_version()
if last == 0 then
  if redis.call('EXISTS', KEYS[2], KEYS[3]) > 0 then redis.call('DEL', KEYS[2], KEYS[3]) end
elseif redis.call('EXISTS', KEYS[2]) == 0 then
  for _, entry in ipairs(redis.call('XRANGE', KEYS[1], '-', '+')) do
    if entry[2][1] == 'id' then redis.call('HSET', KEYS[2], entry[2][2], string.match(entry[1], '^%d+')) end
  end
end
local known_epoch, known_version, known_link = ARGV[3], tonumber(ARGV[4]), ARGV[5]
if known_epoch ~= '' and (last == 0 or redis.call('GET', KEYS[3]) ~= known_epoch) then return {-1} end
if known_version > 0 then
  local id = string.format('%.0f', known_version)
  local before = redis.call('XREVRANGE', KEYS[1], id, id, 'COUNT', 1)[1]
  if not before or string.sub(before[2][6] or '', 1, 1024) ~= known_link then return {-1} end
end
local first, versions, link = last, {}, nil
for place = 6, #ARGV, 2 do
  local known = redis.call('HGET', KEYS[2], ARGV[place])
  if known then
    versions[#versions + 1] = tonumber(known)
  elseif ARGV[2] ~= '' and tonumber(ARGV[2]) ~= first then
    return {first}
  else
    redis.call('SET', KEYS[3], ARGV[1], 'NX')
    if not link then
      local newest = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
      link = newest and newest[2][6] or redis.call('GET', KEYS[3])
    end
    last = last + 1
    link = redis.sha1hex(link .. ARGV[place])
    local version = string.format('%.0f', last)
    redis.call('XADD', KEYS[1], version .. '-0', 'id', ARGV[place], 'record', ARGV[place + 1], 'link', link)
    redis.call('HSET', KEYS[2], ARGV[place], version)
    versions[#versions + 1] = last
  end
end
return {last, versions, redis.call('GET', KEYS[3]) or ''}
"""
)

_READ = Script(
    _LAST
    + """
local after, count = tonumber(ARGV[1]), tonumber(ARGV[2])
local last = last_version()
local found = {last > 0 and redis.call('GET', KEYS[2]) or '', last, '', {}}
if after > 0 then
  local id = string.format('%.0f', after)
  local before = redis.call('XREVRANGE', KEYS[1], id, id, 'COUNT', 1)[1]
  found[3] = before and string.sub(before[2][6] or '', 1, 1024) or ''
end
if count > 0 and after < found[2] then
  local from = string.format('%.0f', after + 1)
  local room = tonumber(ARGV[3])
  for _, entry in ipairs(redis.call('XRANGE', KEYS[1], from, '+', 'COUNT', count)) do
    local version, rest = string.match(entry[1], '^(%d+)-(%d+)$')
    local fields = entry[2]
    local fit = fields[1] == 'id' and fields[3] == 'record' and rest == '0'
    local id, record, link = fit and fields[2] or '', fit and fields[4] or '', fields[6] or ''
    -- Nobody else has put there what is so long, and who has to read it might never be done with it.
    if #id + #link > 1024 then id, record, link = '', '', string.sub(link, 1, 1024) end
    if #record > tonumber(ARGV[3]) then record = '' end
    room = room - #record
    if room < 0 and #found[4] > 0 then break end
    found[4][#found[4] + 1] = {tonumber(version), id, record, link}
  end
end
return found
"""
)

_KNOWN = Script(
    """
if redis.call('EXISTS', KEYS[1]) == 0 then return {'', {}} end
local found = redis.call('HMGET', KEYS[2], unpack(ARGV))
for place, version in ipairs(found) do found[place] = version and tonumber(version) or 0 end
return {redis.call('GET', KEYS[3]) or '', found}
"""
)


class RedisChanges(Changes):
    """Those of a fleet, in its stream."""

    def __init__(self, connection: Connection) -> None:
        self.address = str(connection.address)
        self._connection = connection
        self._keys = [key(connection.fleet, what) for what in ("changes", "ids", "epoch")]

    def add(self, entries: Sequence[Entry], if_version: int | None = None, after: Known = NOTHING) -> Added:
        """Add changes in one step."""
        condition = "" if if_version is None else str(if_version)
        arguments = [word for entry in entries for word in (entry.id, entry.line)]
        version, *added = self._connection.run(_APPEND, self._keys, [token_hex(8), condition, *after, *arguments])
        if version < 0:
            raise self._lost()
        return Added(version, added[0], text(added[1])) if added else Added(version, None)

    def known(self, ids: Sequence[str]) -> Published:
        """Those of these ids (some) that the store has."""
        epoch, versions = self._connection.run(_KNOWN, self._keys, ids)
        return Published(text(epoch), {id_: version for id_, version in zip(ids, versions, strict=False) if version})

    def read(self, after: int, count: int = BATCH) -> Page:
        """The changes after that version, at most so many."""
        keys = [self._keys[0], self._keys[2]]
        epoch, version, before, found = self._connection.run(_READ, keys, [after, count, BATCH_BYTES])
        return Page(text(epoch), version, text(before), [stored(*entry) for entry in found])

    def wait(self, after: int, seconds: float) -> bool:
        """Wait for a change, with a read that blocks."""
        block = max(int(min(seconds, self._connection.timeout / 2) * 1000), 1)
        start = f"{after}-{2**64 - 1}"
        found = self._connection.call("XREAD", "COUNT", 1, "BLOCK", block, "STREAMS", self._keys[0], start)
        return bool(found)
