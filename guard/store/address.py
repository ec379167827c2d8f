"""Where the store is: a file, one server, those that know it (Sentinel), or a cluster.

::

    sqlite:path                                                              a file on this machine
    redis://[[user]:password@]host[:port][/database]
    redis+sentinel://[[user]:password@]host[:port],…/service[/database]      the hosts are sentinels
    redis+cluster://[[user]:password@]host[:port],…                          the hosts are some of its nodes

A path that begins with ``/`` (or ``///``) is absolute, others count from the configuration's folder; what cannot stand
in a URL is written as ``%`` and two hexadecimal digits. With ``rediss`` in the place of ``redis`` servers are spoken to
with TLS.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import quote, unquote

Kind = Literal["file", "server", "sentinel", "cluster"]

FORMS = (
    "sqlite:path, redis[s]://host:port/database, redis[s]+sentinel://host,host/service or redis[s]+cluster://host,host"
)
PORT = 6_379
SENTINEL_PORT = 26_379

_URL = re.compile(r"redis(s?)(?:\+(sentinel|cluster))?://(?:([^@/]*)@)?([^@/?#]+)(?:/([^?#]*))?")
_HOST = re.compile(r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::([0-9]{1,5}))?")
_DATABASE = re.compile(r"[0-9]{1,5}")
_SERVICE = re.compile(r"[A-Za-z0-9._-]+")


@dataclass(frozen=True)
class Address:
    """A store's address, taken apart: the `path` of a file, or `hosts`; `service` is what the sentinels call it."""

    kind: Kind
    hosts: tuple[tuple[str, int], ...] = ()
    tls: bool = False
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    service: str = ""
    database: int = 0
    path: str = ""

    def __str__(self) -> str:
        """What people may be shown of it."""
        return self.path or ",".join(
            f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in self.hosts
        )


def parse(url: str) -> Address:
    """Take a URL apart.

    Raises:
        ValueError: it is none of a store's; the message says what was expected, and nothing of the URL.
    """
    if url.startswith("sqlite:"):
        return Address("file", path=_file(url.removeprefix("sqlite:")))
    found = _URL.fullmatch(url)
    if found is None or re.search(r"\s", url):
        raise ValueError(FORMS)
    kind: Kind = "sentinel" if found[2] == "sentinel" else "cluster" if found[2] == "cluster" else "server"
    user, _, password = (found[3] or "").partition(":")
    hosts = tuple(_host(text, SENTINEL_PORT if kind == "sentinel" else PORT) for text in found[4].split(","))
    if kind == "server" and len(hosts) > 1:
        raise ValueError(f"one host, or {FORMS}")
    service, database = _path(kind, (found[5] or "").removesuffix("/"))
    return Address(kind, hosts, found[1] == "s", unquote(user) or None, unquote(password) or None, service, database)


def _file(path: str) -> str:
    """The path of a file; behind ``//`` there might be a host, and behind ``?`` a query."""
    place = unquote(path.removeprefix("//") if path.startswith("///") else path)
    if not place or place.startswith("//") or place.endswith("/") or not place.isprintable() or set(path) & set("?#"):
        raise ValueError("the path of a file: sqlite:path")
    return place


def url_of(path: str) -> str:
    """The URL of a file."""
    return f"sqlite:{quote(path)}"


def _host(text: str, default: int) -> tuple[str, int]:
    found = _HOST.fullmatch(text)
    port = int(found[2] or default) if found else 0
    if found is None or not 0 < port < 65_536:
        raise ValueError(FORMS)
    return found[1].strip("[]"), port


def _path(kind: Kind, path: str) -> tuple[str, int]:
    """The service and the database that the path of a URL names."""
    service, _, database = path.partition("/") if kind == "sentinel" else ("", "", path)
    if kind == "sentinel" and not _SERVICE.fullmatch(service):
        raise ValueError("the service's name behind the hosts: redis+sentinel://host,host/service")
    if kind == "cluster" and database not in ("", "0"):
        raise ValueError("no database: a cluster has only one")
    if database and not _DATABASE.fullmatch(database):
        raise ValueError("the number of a database at its end, or nothing")
    return service, int(database or 0)
