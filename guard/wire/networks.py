"""Sets of networks, of any size: which of them holds an address."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from ipaddress import ip_network
from operator import attrgetter
from socket import AF_INET, AF_INET6, inet_pton

from guard.wire.address import Address, zoneless
from guard.wire.intervals import Intervals, Stretch

MAPPED = bytes(10) + b"\xff\xff"

WIDEST = {4: 8, 16: 16}
"""By the bytes of an address, the shortest length of a network that somebody may have; what is wider is the world's."""
_LENGTHS = {str(length): length for length in range(129)}
_HOSTS = [(1 << rest) - 1 for rest in range(129)]
_FIRST, _LAST = attrgetter("first"), attrgetter("last")

Held = Mapping[str, tuple[str, ...]]
"""By the name of a network, those within it."""


def packed(text: str) -> bytes:
    """An address as its 4 or 16 bytes, of the same one as `guard.wire.address.parse_address` gives, but sooner.

    Raises:
        ValueError: the text is no address.
    """
    try:
        if ":" not in text:
            return inet_pton(AF_INET, text)
        found = inet_pton(AF_INET6, text.partition("%")[0])
    except (OSError, UnicodeError) as error:
        raise ValueError(f"{text!r} is no address") from error
    return found[12:] if found.startswith(MAPPED) else found


@lru_cache(2_048)
def stretch(text: str) -> Stretch:
    """The addresses of a network, or the one address that is given.

    Raises:
        ValueError: it is neither, or the network's address is not its first.
    """
    address, slash, length = text.partition("/")
    if slash and length not in _LENGTHS:
        network = ip_network(zoneless(text))
        return Stretch(network.network_address.packed, network.broadcast_address.packed, text)
    try:
        first = inet_pton(AF_INET6 if ":" in address else AF_INET, address)
    except (OSError, UnicodeError) as error:
        raise ValueError(f"{text!r} is no address or network") from error
    if not slash:
        return Stretch(first, first, text)
    size = len(first)
    rest = size * 8 - _LENGTHS[length]
    number = int.from_bytes(first)
    if rest < 0 or number & _HOSTS[rest]:
        raise ValueError(f"{text!r} is no network, for its address is not the first one in it")
    return Stretch(first, (number | _HOSTS[rest]).to_bytes(size), text)


def too_wide(text: str) -> str:
    """Why a network, or an address, is the world's, so that to block it would be an outage; empty: it is somebody's.

    Raises:
        ValueError: it is neither.
    """
    one = stretch(text)
    size = len(one.first)
    length = size * 8 - (int.from_bytes(one.first) ^ int.from_bytes(one.last)).bit_length()
    if length >= WIDEST[size]:
        return ""
    return f"it is wider than /{WIDEST[size]}" if length else "it holds everybody"


class Networks:
    """An immutable set of networks. One that another one holds is kept beside: it counts when that is taken out."""

    __slots__ = ("_held", "_v4", "_v6")

    def __init__(self, networks: Iterable[str] = ()) -> None:
        """Of texts, as `stretch` takes them.

        Raises:
            ValueError: one is no network.
        """
        self._v4, self._v6, self._held = _Draft(Intervals(), Intervals(), {}).with_(map(stretch, networks))

    def __bool__(self) -> bool:
        return bool(self._v4) or bool(self._v6)

    def find(self, address: Address) -> str | None:
        """A network (as it was given) that holds the address, the largest if there are several; or None."""
        return self.holding(address.packed)

    def holding(self, address: bytes) -> str | None:
        """The same for a packed address."""
        return (self._v4 if len(address) == 4 else self._v6).find(address)

    def changed(self, added: Iterable[str], removed: Iterable[str]) -> Networks:
        """The set without some, and then with others; what is the same, both have in common.

        Raises:
            ValueError: one is no network.
        """
        draft = _Draft(self._v4, self._v6, self._held)
        draft.remove([stretch(text) for text in removed])
        changed = Networks.__new__(Networks)
        changed._v4, changed._v6, changed._held = draft.with_(map(stretch, added))
        return changed


class _Draft:
    """Changes to a set, gathered: which of the outermost networks go and come, and what each of them holds."""

    def __init__(self, v4: Intervals, v6: Intervals, held: Held) -> None:
        self._before = {4: v4, 16: v6}
        self._held = dict(held)
        self._gone: set[Stretch] = set()
        self._come: list[Stretch] = []
        self._bare: list[Stretch] = []

    def remove(self, networks: Iterable[Stretch]) -> None:
        """Take some out; those that they held are to be put in again."""
        inner: dict[str, set[str]] = {}
        for one in networks:
            outer = self._before[len(one.first)].find(one.first)
            if outer == one.name:
                self._gone.add(one)
            elif outer is not None:
                inner.setdefault(outer, set()).add(one.name)
        for outer, names in inner.items():
            self._hold(outer, [name for name in self._held.pop(outer, ()) if name not in names])
        for one in self._gone:
            self._bare += map(stretch, self._held.pop(one.name, ()))

    def with_(self, networks: Iterable[Stretch]) -> tuple[Intervals, Intervals, Held]:
        """What it comes to, with some more."""
        inner: dict[str, list[str]] = {}
        outer: Stretch | None = None
        for one in _sorted([*networks, *self._bare]):
            if outer is None or len(one.first) != len(outer.first) or one.last > outer.last:
                outer = self._outermost(one)
            if one.name != outer.name:
                inner.setdefault(outer.name, []).append(one.name)
        for name, names in inner.items():
            self._hold(name, [*self._held.get(name, ()), *names])
        return self._changed(4), self._changed(16), self._held

    def _outermost(self, one: Stretch) -> Stretch:
        """What holds a network: one that is there and stays, or else itself, which takes the place of those in it."""
        names: list[str] = []
        for there in self._before[len(one.first)].meeting(one.first, one.last):
            if there in self._gone:
                continue
            if there.first <= one.first and one.last <= there.last:
                return there
            self._gone.add(there)
            names += [there.name, *self._held.pop(there.name, ())]
        self._hold(one.name, names)
        self._come.append(one)
        return one

    def _hold(self, outer: str, names: list[str]) -> None:
        if names:
            self._held[outer] = tuple(dict.fromkeys(names))

    def _changed(self, size: int) -> Intervals:
        come = [one for one in self._come if len(one.first) == size]
        gone = [one.first for one in self._gone if len(one.first) == size]
        return self._before[size].changed(come, gone) if come or gone else self._before[size]


def _sorted(networks: list[Stretch]) -> list[Stretch]:
    """By their first address, and of several the largest first."""
    networks.sort(key=_LAST, reverse=True)
    networks.sort(key=_FIRST)
    networks.sort(key=_length)
    return networks


def _length(one: Stretch) -> int:
    return len(one.first)
