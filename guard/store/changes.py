"""The changes of a fleet in the order that counts on all its machines: a stream in the store.

An entry's id is ``<version>-0``: how many changes there are with it. It has the change's own `id`, by which the store
knows one that it has, the `record` in JSON, and a `link`, the hash of the link before it and this `id`: two histories
that have the same link at a version are the same up to there. All is done by scripts, each one step to everybody else::

    guard:{fleet}:changes   the stream
    guard:{fleet}:ids       by id, the version that the change has
    guard:{fleet}:epoch     a word that came with the first change: another one means that this is another history
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from secrets import token_hex
from typing import Annotated, Any, NamedTuple

import orjson
from msgspec import Meta, Struct
from msgspec.json import Decoder

from guard.changes import VersionError
from guard.store.connection import Connection
from guard.store.errors import StoreError
from guard.store.script import Script, key

BATCH = 1_000
BATCH_BYTES = 1_048_576

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
local first, versions, link = last, {}, nil
for place = 3, #ARGV, 2 do
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
local found = {redis.call('GET', KEYS[2]) or '', last_version(), '', {}}
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


class Stored(NamedTuple):
    """A change in the store; `record` is None if what is there is none, and `trouble` says why."""

    version: int
    id: str
    record: dict[str, Any] | None
    link: str
    trouble: str = ""


class _Kind(Struct):
    type: str


class _Shape(Struct):
    """What a record has at the least, whatever program has made it."""

    id: Annotated[str, Meta(min_length=1, max_length=256)]
    at: float
    actor: str
    reason: str
    change: _Kind
    incident: str | None = None
    expires: float | None = None


class Page(NamedTuple):
    """Some of the changes in a row, and what else was so at that time.

    Attributes:
        epoch: the history's word; "" while there are no changes.
        version: of the last change there is.
        before: the link of the change that they follow; "" if there is none with that number.
        changes: those that follow, in order.
    """

    epoch: str
    version: int
    before: str
    changes: list[Stored]


class Published(NamedTuple):
    """The versions that some changes have, by id, and in which history ("": there is none)."""

    epoch: str
    versions: dict[str, int]


class Changes:
    """The changes in the store. Every method may raise StoreError: it cannot be reached, is too slow, or refuses.

    Attributes:
        connection: how the store is asked.
    """

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._keys = [key(connection.fleet, what) for what in ("changes", "ids", "epoch")]

    def version(self) -> int:
        """Of the last change there is; 0: there is none."""
        return self.read(0, 0).version

    def epoch(self) -> str:
        """The word of this history; "" while there are no changes."""
        return self.read(0, 0).epoch

    def append(self, record: Mapping[str, Any], if_version: int | None = None) -> int:
        """Add a change. Likewise."""
        return self.append_all([record], if_version)[0]

    def append_all(self, records: Sequence[Mapping[str, Any]], if_version: int | None = None) -> list[int]:
        """Add changes, each with its `id`, in a row and all of them or none; with `if_version` only if that is the
        version now.

        Returns their versions; that of one that the store has already, if it has this id.

        Raises:
            VersionError: the version is another.
        """
        last, *added = self._append([(str(record["id"]), _encoded(record)) for record in records], if_version)
        if not added:
            assert if_version is not None
            raise VersionError(last, if_version)
        versions: list[int] = added[0]
        return versions

    def publish(self, records: Iterable[Mapping[str, Any]]) -> Published:
        """Add those of these changes that the store does not have.

        Other machines' changes may come between them.
        """
        epoch = ""
        found: dict[str, int] = {}
        for batch in _batches(records):
            known = self.known([id_ for id_, _ in batch])
            missing = [(id_, line) for id_, line in batch if id_ not in known.versions]
            versions, now = known.versions, known.epoch
            if missing:
                _, added, word = self._append(missing)
                versions |= {id_: version for (id_, _), version in zip(missing, added, strict=True)}
                now = _text(word)
            if (epoch or known.epoch) not in ("", now):
                raise StoreError(f"the store {self.connection.address}: it was emptied meanwhile")
            epoch = now
            found |= versions
        return Published(epoch, found)

    def known(self, ids: Sequence[str]) -> Published:
        """Those of these ids (some) that the store has."""
        epoch, versions = self.connection.run(_KNOWN, self._keys, ids)
        return Published(_text(epoch), {id_: version for id_, version in zip(ids, versions, strict=False) if version})

    def read(self, after: int, count: int = BATCH) -> Page:
        """The changes after that version, at most so many."""
        keys = [self._keys[0], self._keys[2]]
        epoch, version, before, found = self.connection.run(_READ, keys, [after, count, BATCH_BYTES])
        return Page(_text(epoch), version, _text(before), [_stored(*entry) for entry in found])

    def wait(self, after: int, seconds: float) -> bool:
        """Wait until there is a change after that version, for so long at most; whether there is one."""
        block = max(int(min(seconds, self.connection.timeout / 2) * 1000), 1)
        start = f"{after}-{2**64 - 1}"
        found = self.connection.call("XREAD", "COUNT", 1, "BLOCK", block, "STREAMS", self._keys[0], start)
        return bool(found)

    def _append(self, entries: Sequence[tuple[str, bytes]], if_version: int | None = None) -> Any:
        condition = "" if if_version is None else str(if_version)
        arguments = [part for entry in entries for part in entry]
        return self.connection.run(_APPEND, self._keys, [token_hex(8), condition, *arguments])


def _batches(records: Iterable[Mapping[str, Any]]) -> Iterator[list[tuple[str, bytes]]]:
    """What is sent at a time: not so much that others wait for long."""
    batch: list[tuple[str, bytes]] = []
    size = 0
    for record in records:
        batch.append((str(record["id"]), _encoded(record)))
        size += len(batch[-1][1])
        if len(batch) == BATCH or size >= BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


_LOCAL = ("seq", "chain", "kind", "store")
"""What a record has in a machine's own log only."""


def _encoded(record: Mapping[str, Any]) -> bytes:
    return orjson.dumps({name: value for name, value in record.items() if name not in _LOCAL})


def _stored(version: int, id_: bytes, line: bytes, link: bytes) -> Stored:
    name = _text(id_)
    try:
        record = _record(name, line)
    except ValueError as error:
        return Stored(version, name, None, _text(link), str(error))
    return Stored(version, name, record, _text(link))


def _record(name: str, line: bytes) -> dict[str, Any]:
    """What a log may have; whoever can write into the store may have put anything there.

    Raises:
        ValueError: it is no change.
    """
    if not line:
        raise ValueError("it has not the members of a change, or is too long")
    try:
        shape, record = _shape(line), orjson.loads(line)
    except RecursionError:
        raise ValueError("it is nested too deep") from None
    if shape.id != name:
        raise ValueError("its record is of another id")
    own = {"kind": "change", **{member: value for member, value in record.items() if member not in _LOCAL}}
    try:
        orjson.dumps(own)
    except orjson.JSONEncodeError as error:
        raise ValueError(f"it cannot be written down: {error}") from None
    return own


_shape = Decoder(_Shape).decode


def _text(word: bytes | str) -> str:
    return word if isinstance(word, str) else word.decode("utf-8", "backslashreplace")
