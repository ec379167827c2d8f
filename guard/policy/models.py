"""Which requests go to which model, and which version of it answers."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import NamedTuple

from guard import config
from guard.formats.base import Format
from guard.formats.registry import format_for
from guard.measures import NONE, Measures
from guard.wire.address import Origin, parse_url

REMEMBERED_PATHS = 1_024


class Version:
    """One version of a model: where it answers and as whom the guard calls it."""

    __slots__ = ("authority", "base", "ca", "key", "model", "name", "origin", "price", "rename", "tls", "wire_line")

    def __init__(self, model: str, name: str, entry: config.Version) -> None:
        self.model = model
        self.name = name
        self.wire_line = b"x-guard-model: %b\r\n" % name.encode()
        self.origin, base = parse_url(entry.url)
        self.base = base.encode()
        self.authority = self.origin.authority.encode()
        self.key = entry.key
        self.rename = entry.name
        self.price = entry.price
        self.ca = entry.ca
        self.tls = _tls(self.origin, entry.ca)

    def __repr__(self) -> str:
        return f"<Version {self.model}/{self.name} at {self.origin.authority}>"


class Model(NamedTuple):
    """A model: the versions to try, the active one first, then the fallbacks; and whether nobody gets to it."""

    name: str
    versions: tuple[Version, ...]
    isolated: bool = False


class Route(NamedTuple):
    """Requests under a path prefix, read by a format, sent to a model."""

    path: str
    format: Format
    model: Model
    names: tuple[str, ...]
    repeat: bool
    websocket: bool
    not_understood: str
    also_accept: tuple[str, ...]

    def accepts(self, name: str | None) -> bool:
        """Whether the document's ``model`` field is one that this route is for."""
        return not self.names or (name is not None and any(fnmatchcase(name, pattern) for pattern in self.names))


class Routes:
    """All routes, in the order of the configuration: the first that fits is taken."""

    def __init__(
        self, routes: tuple[config.Route, ...], models: Mapping[str, config.Model], measures: Measures = NONE
    ) -> None:
        """As the configuration has them, and the measures that operators have taken since."""
        built = {
            name: _model(name, entry, measures.active_version(name), isolated=measures.access(name) != "online")
            for name, entry in models.items()
        }
        self.models = built
        self.versions = tuple(version for model in built.values() for version in model.versions)
        self._routes = tuple(
            Route(
                entry.path,
                format_for(entry.format, entry.prompt, entry.output),
                built[entry.model],
                entry.names,
                entry.repeat,
                entry.websocket,
                entry.not_understood,
                entry.also_accept,
            )
            for entry in routes
        )

        self.under = lru_cache(REMEMBERED_PATHS)(self._under)
        """The routes whose prefix a path has; which of them is taken, the document tells."""

    def _under(self, path: str) -> tuple[Route, ...]:
        return tuple(route for route in self._routes if path.startswith(route.path))


def _model(name: str, entry: config.Model, instead: str | None, *, isolated: bool) -> Model:
    """A version that is asked `instead` takes the active one's place, which nobody is to fall back to."""
    first = instead if instead in entry.versions else entry.active
    order = [first, *(version for version in entry.fallback if version != first)]
    return Model(name, tuple(Version(name, version, entry.versions[version]) for version in order), isolated)


def _tls(origin: Origin, ca: str | None) -> ssl.SSLContext | None:
    return ssl.create_default_context(cafile=ca) if origin.scheme == "https" else None
