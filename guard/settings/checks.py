"""What a configuration must be beyond its types: names that exist, addresses that parse, routes that can be reached."""

from __future__ import annotations

import re
from collections.abc import Callable
from ipaddress import ip_address, ip_network
from itertools import combinations
from urllib.parse import urlsplit

from guard.changes import CALLERS
from guard.config import Block, Config, Model, Route, Store
from guard.redaction.presented import PLAIN, SCHEMED
from guard.settings.problem import Path, Report, shown
from guard.settings.reader import is_variable
from guard.store.address import parse as parse_store
from guard.wire.address import parse_listen, parse_url, zoneless
from guard.wire.grammar import TOKEN
from guard.wire.naming import agent_pattern, session_name

_HASH = re.compile(r"[0-9a-fA-F]{64}")
SECRET_HEADERS = frozenset((b"cookie", b"sec-websocket-protocol"))

_POINTER = re.compile(r"(/([^~/]|~[01])*)*")
_HOST = re.compile(r"[A-Za-z0-9._-]+|\[?[0-9A-Fa-f:.]+\]?")


def models(config: Config, report: Report) -> None:
    """Each model's active and fallback versions exist, and each is named once; each version answers at a usable URL."""
    for name, model in config.models.items():
        place: Path = ("models", name)
        if report.sound((*place, "versions")):
            _versions_named(model, place, report)
        for label, version in model.versions.items():
            path = (*place, "versions", label)
            report.check(
                _is_url(version.url), (*path, "url"), _unusable(version.url), "http[s]://host[:port][/base], no more"
            )
            report.check(version.ca != "", (*path, "ca"), "it is empty", "the path of a file with certificates")


def _versions_named(model: Model, place: Path, report: Report) -> None:
    known = "one of " + ", ".join(model.versions)
    report.check(
        model.active in model.versions, (*place, "active"), f"there is no version {shown(model.active)}", known
    )
    for index, name in enumerate(model.fallback):
        path = (*place, "fallback", index)
        report.check(name in model.versions, path, f"there is no version {shown(name)}", known)
        report.check(name != model.active, path, f"{name} is the active version", "another version to fall back to")
        report.check(name not in model.fallback[:index], path, f"{name} stands here twice", "each version once")


def _is_url(text: str) -> bool:
    try:
        origin, _ = parse_url(text)
    except ValueError:
        return False
    # An empty query or fragment (`http://host/?`) leaves no trace in the parsed parts.
    return not re.search(r"[?#@\s\\]", text) and _HOST.fullmatch(origin.host) is not None


def _unusable(url: str) -> str:
    """What to say of a URL; a user and a query may carry a password or a key, and are not repeated."""
    if "@" in url:
        return "a user or password may not stand here"
    return "a query may not stand here" if "?" in url or "#" in url else f"got {shown(url)}"


def paths(config: Config, report: Report) -> None:
    """Folders that are named have a name."""
    report.check(config.state != "", ("state",), "it is empty", "the path of a folder")
    report.check(config.rules.dir != "", ("rules", "dir"), "it is empty", "the path of a folder, or null for no rules")
    report.check(config.journal.dir != "", ("journal", "dir"), "it is empty", "the path of a folder")


def listeners(config: Config, report: Report) -> None:
    """Both listeners have addresses that parse, and not the same one."""
    usable = True
    for path, text in ((("data", "listen"), config.data.listen), (("admin", "listen"), config.admin.listen)):
        if text is None:
            continue
        try:
            parse_listen(text)
        except ValueError:
            usable = False
            report.check(False, path, f"got {shown(text)}", "host:port or [v6]:port; port 0: any free one")
    same = config.data.listen == config.admin.listen and not config.data.listen.endswith(":0")
    report.check(
        not (usable and same), ("admin", "listen"), "it is the address of data.listen", "an address of its own"
    )


def admin(config: Config, report: Report) -> None:
    """Who listens to more than this machine speaks TLS, for tokens pass there; its other names are names of hosts."""
    files, path = config.admin.tls, ("admin", "tls")
    for name in ("certificate", "key"):
        report.check(getattr(files, name) != "", (*path, name), "it is empty", "the path of a PEM file")
    both = (files.certificate is None) == (files.key is None)
    report.check(both, path, "a certificate and its key go together", "both of certificate and key, or neither")
    for index, host in enumerate(config.admin.hosts):
        right = _HOST.fullmatch(host) is not None
        report.check(right, ("admin", "hosts", index), f"got {shown(host)}", "a name or an address, without a port")
    if config.admin.listen is None or not report.sound(("admin", "listen")):
        return
    safe = config.admin.plain or files.certificate is not None or _is_loopback(config.admin.listen)
    wanted = "a loopback address, admin.tls, or admin.plain: true where something in front of it speaks TLS"
    report.check(safe, ("admin", "listen"), "operators' tokens would pass in plain text", wanted)


def _is_loopback(listen: str) -> bool:
    try:
        host = parse_listen(listen).host
    except ValueError:
        return True  # it is told already that it is no address
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def tls(config: Config, report: Report) -> None:
    """A certificate has its key, and clients' certificates are asked for only where there is TLS to show them in."""
    files = config.data.tls
    path: Path = ("data", "tls")
    for name in ("certificate", "key", "client_ca"):
        report.check(getattr(files, name) != "", (*path, name), "it is empty", "the path of a PEM file")
    if report.sound((*path, "certificate")) and report.sound((*path, "key")):
        both = (files.certificate is None) == (files.key is None)
        report.check(both, path, "a certificate and its key go together", "both of certificate and key, or neither")
        alone = files.client_ca is not None and files.certificate is None
        report.check(not alone, (*path, "client_ca"), "there is no TLS", "certificate and key beside it")
    if report.sound((*path, "client_ca")):
        # Whoever writes `required` relies on it; without authorities nobody would be asked.
        idle = files.certificate is not None and files.client_ca is None and (*path, "client") in report.lines
        report.check(not idle, (*path, "client"), "clients are asked for no certificate", "client_ca beside it")


def balancers(config: Config, report: Report) -> None:
    """The PROXY protocol is spoken with somebody."""
    there = not config.data.proxy_protocol or config.identify.trusted_proxies != ()
    if report.sound(("identify", "trusted_proxies")):
        report.check(
            there, ("data", "proxy_protocol"), "nobody's header is believed", "addresses in identify.trusted_proxies"
        )


def networks(config: Config, report: Report) -> None:
    """Trusted proxies and blocked addresses are networks or addresses."""
    for index, text in enumerate(config.identify.trusted_proxies):
        _network(text, ("identify", "trusted_proxies", index), report)
    for index, block in enumerate(config.blocks):
        if block.ip is not None:
            _network(block.ip, ("blocks", index, "ip"), report)


def _network(text: str, path: Path, report: Report) -> None:
    try:
        network = ip_network(zoneless(text), strict=False)
    except ValueError:
        report.check(False, path, f"got {shown(text)}", "an address or a network such as 192.0.2.0/24 or 2001:db8::/32")
        return
    # Requests' IPv4 addresses mapped into IPv6 are read as IPv4, so that a mapped network would match nothing.
    mapped = getattr(network.network_address, "ipv4_mapped", None)
    if mapped is not None and network.prefixlen >= 96:
        report.check(False, path, f"{shown(text)} is IPv4 inside of IPv6", f"{mapped}/{network.prefixlen - 96}")
    else:
        exact = ip_address(text.partition("/")[0]) == network.network_address
        report.check(exact, path, f"{shown(text)} has host bits set", str(network))


def blocks(config: Config, report: Report) -> None:
    """A block says whom in exactly one way, and a client or account in it is a known one: else it would stop nobody."""
    known: dict[str, set[str | None]] = {
        "client": set(config.clients),
        "account": {client.account for client in config.clients.values()},
    }
    for index, block in enumerate(config.blocks):
        named = [field for field in CALLERS if getattr(block, field) is not None]
        found = "it names " + (" and ".join(named) or "nobody")
        path: Path = ("blocks", index)
        if _block_sound(block, path, report):
            report.check(len(named) == 1, path, found, f"exactly one of {', '.join(CALLERS)}")
        if block.session is not None:
            _called(block.session, session_name, (*path, "session"), "a session as client.session shows it", report)
        if block.agent is not None:
            _called(block.agent, agent_pattern, (*path, "agent"), "a pattern such as 'curl/*' or '*badbot*'", report)
        for field, names in known.items():
            name = getattr(block, field)
            if name is not None and report.sound(("clients",)):
                there = name in names
                report.check(
                    there, (*path, field), f"there is no {field} {shown(name)} in clients", "one that is there"
                )


def sessions(config: Config, report: Report) -> None:
    """A header names sessions whose values may be written down, and there is one where sessions are blocked."""
    header = config.identify.session_header
    path: Path = ("identify", "session_header")
    if header is not None:
        named = re.fullmatch(TOKEN, header) is not None
        report.check(named, path, f"{shown(header)} is no name of a header", "e.g. x-session-id")
        secret = header.lower().encode("utf-8", "replace") in SCHEMED | PLAIN | SECRET_HEADERS
        report.check(not secret, path, f"what {shown(header)} says is a secret", "a header of its own for sessions")
    for index, block in enumerate(config.blocks):
        if block.session is not None and report.sound(path):
            there = header is not None
            report.check(there, ("blocks", index, "session"), "no header names sessions", "identify.session_header")


def _called(text: str, check: Callable[[str], str], path: Path, expected: str, report: Report) -> None:
    try:
        check(text)
    except ValueError:
        report.check(False, path, f"got {shown(text)}", expected)


def _block_sound(block: Block, path: Path, report: Report) -> bool:
    return all(report.sound((*path, field)) for field in block.__struct_fields__)


def clients(config: Config, report: Report) -> None:
    """A client is known by a key, by a certificate, or by either; and no two by the same."""
    owners: dict[str, str] = {}
    for name, client in config.clients.items():
        path: Path = ("clients", name)
        ways = client.key, client.key_hash, client.certificate
        if all(report.sound((*path, field)) for field in ("key", "key_hash", "certificate")):
            twice = client.key is not None and client.key_hash is not None
            report.check(any(way is not None for way in ways), path, "nothing tells it", "key, key_hash or certificate")
            report.check(not twice, path, "it has two keys", "either key or key_hash")
        _hash(client.key_hash, (*path, "key_hash"), "from `guard key hash`", report)
        _hash(client.certificate, (*path, "certificate"), "the certificate's SHA-256 without colons", report)
        if report.sound(("data", "tls", "client_ca")):
            asked = config.data.tls.client_ca is not None or ways[:2] != (None, None) or client.certificate is None
            report.check(
                asked, (*path, "certificate"), "no certificate is asked for", "data.tls.client_ca to verify it"
            )
        for what, identity in (
            ("key", client.key or (client.key_hash or "").lower()),
            ("certificate", (client.certificate or "").lower()),
        ):
            if identity:
                first = owners.setdefault(f"{what} {identity}", name)
                report.check(first == name, path, f"its {what} is that of the client {first}", f"a {what} of its own")


def _hash(text: str | None, path: Path, source: str, report: Report) -> None:
    right = text is None or _HASH.fullmatch(text) is not None
    report.check(right, path, "it is no hash", f"64 hex digits, {source}")


def routes(config: Config, report: Report) -> None:
    """Each route leads to a model, can be reached, and agrees with its neighbours on how a body is read."""
    known = "one of " + ", ".join(config.models)
    for index, route in enumerate(config.routes):
        if report.sound(("models",)):
            path = ("routes", index, "model")
            report.check(route.model in config.models, path, f"there is no model {shown(route.model)}", known)
        path = ("routes", index, "also_accept")
        once = len(set(route.also_accept)) == len(route.also_accept)
        report.check(once, path, "a kind of bodies stands here twice", "each once")
        _pointers(route, ("routes", index), report)
    for (first, earlier), (second, later) in combinations(enumerate(config.routes), 2):
        if not (_readable(first, report) and _readable(second, report)):
            continue
        place: Path = ("routes", second)
        if _catches(earlier, later.path):
            why = f"it is never reached: routes[{first}] ({earlier.path}, no names) takes all its requests"
            report.check(False, place, why, "the longer path first, or names that tell them apart")
        elif earlier.format != later.format and _meet(config.routes[first:second], later):
            why = f"it reads bodies as {later.format}, and routes[{first}] the same requests as {earlier.format}"
            report.check(False, (*place, "format"), why, f"{earlier.format}, or paths that do not meet")


def websockets(config: Config, report: Report) -> None:
    """WebSockets are relayed where the format can read what they say."""
    for index, route in enumerate(config.routes):
        path: Path = ("routes", index, "websocket")
        if report.sound(("routes", index, "format")):
            usable = not route.websocket or route.format != "anthropic"
            report.check(usable, path, "the format anthropic has no WebSockets", "false, or format openai or generic")


def _readable(index: int, report: Report) -> bool:
    return all(report.sound(("routes", index, key)) for key in ("path", "format", "names"))


def _catches(route: Route, path: str) -> bool:
    """Whether the route takes every request whose path begins so."""
    return not route.names and path.startswith(route.path)


def _meet(before: tuple[Route, ...], later: Route) -> bool:
    """Whether a request that `before[0]` could take, but for its names, can get as far as `later`."""
    longer, shorter = sorted((before[0].path, later.path), key=len, reverse=True)
    return longer.startswith(shorter) and not any(_catches(route, longer) for route in before)


def _pointers(route: Route, place: Path, report: Report) -> None:
    for key in ("prompt", "output"):
        pointers: tuple[str, ...] = getattr(route, key)
        if pointers and report.sound((*place, "format")):
            usable = route.format == "generic"
            report.check(
                usable, (*place, key), f"the format {route.format} knows this itself", "none, or format generic"
            )
        for index, pointer in enumerate(pointers):
            right = _POINTER.fullmatch(pointer) is not None
            wanted = "a JSON pointer such as /messages/*/text (RFC 6901)"
            report.check(right, (*place, key, index), f"got {shown(pointer)}", wanted)


def limits(config: Config, report: Report) -> None:
    """A limit limits something, and a burst belongs to a rate."""
    for index, limit in enumerate(config.limits):
        path: Path = ("limits", index)
        if not all(report.sound((*path, kind)) for kind in ("requests", "tokens", "cost", "concurrency")):
            continue
        some = any(bound is not None for bound in (limit.requests, limit.tokens, limit.cost, limit.concurrency))
        report.check(some, path, "it limits nothing", "requests, tokens, cost or concurrency")
        lonely = limit.requests is None and (*path, "burst") in report.lines
        report.check(not lonely, (*path, "burst"), "there is no rate that it could exceed", "requests beside it")
        if report.sound(("models",)):
            idle = limit.cost is not None and not _priced(config)
            report.check(not idle, (*path, "cost"), "no model has a price", "price at a version of a model")


def _priced(config: Config) -> bool:
    versions = [version for model in config.models.values() for version in model.versions.values()]
    return any(version.price.input or version.price.output for version in versions)


def witnesses(config: Config, report: Report) -> None:
    """A witness is a file or a URL, and only a URL has a key."""
    for index, witness in enumerate(config.journal.witnesses):
        path: Path = ("journal", "witnesses", index)
        if not all(report.sound((*path, field)) for field in witness.__struct_fields__):
            continue
        one = (witness.file is None) != (witness.url is None)
        report.check(one, path, "it is nowhere, or in two places", "exactly one of file and url")
        report.check(witness.file != "", (*path, "file"), "it is empty", "the path of a file")
        usable = witness.url is None or is_variable(witness.url) or is_webhook(witness.url)
        report.check(usable, (*path, "url"), "it cannot be used", "https://host[:port]/path, or http://")
        lonely = witness.key is not None and witness.url is None
        report.check(not lonely, (*path, "key"), "there is no url that it could be for", "url beside it")


def is_webhook(url: str) -> bool:
    """Whether something can be posted there: http or https, a host, and no user or fragment."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    plain = parts.username is None and not parts.fragment and not re.search(r"[\s\\]", url)
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and plain and port != 0


def sinks(config: Config, report: Report) -> None:
    """What ships has somewhere to ship to."""
    sink = config.journal.ship.redis
    path: Path = ("journal", "ship", "redis")
    usable = sink.url is None or is_variable(sink.url) or sink.url.startswith(("redis://", "rediss://", "unix://"))
    report.check(usable, (*path, "url"), "it cannot be used", "redis://, rediss:// or unix://")
    report.check(sink.stream != "", (*path, "stream"), "it is empty", "the name of a stream")


def store(config: Config, report: Report) -> None:
    """A store has an address, one password at most, and certificates only where there is TLS to hold them against."""
    given = config.store
    if given.url is not None and not is_variable(given.url) and report.sound(("store", "url")):
        _store_address(given.url, given, report)
    report.check(given.ca != "", ("store", "ca"), "it is empty", "the path of a file with certificates")
    for key in ("password", "ca"):
        lonely = getattr(given, key) is not None and given.url is None and report.sound(("store", "url"))
        report.check(not lonely, ("store", key), "there is no url that it could be for", "url beside it")


def _store_address(url: str, given: Store, report: Report) -> None:
    try:
        address = parse_store(url)
    except ValueError as error:
        report.check(False, ("store", "url"), "it cannot be used", str(error))
        return
    if address.kind == "file":
        report.check(given.password is None, ("store", "password"), "a file has none", "the url alone")
    twice = given.password is not None and address.password is not None
    report.check(not twice, ("store", "password"), "there is one in the url too", "one of them")
    plain = given.ca is not None and not address.tls
    report.check(not plain, ("store", "ca"), "the url has no TLS", "rediss:// there, or no ca")


def redaction(config: Config, report: Report) -> None:
    """What is redacted is told in exactly one way, under a kind that is not one of the guard's own."""
    for index, entry in enumerate(config.journal.redact):
        path: Path = ("journal", "redact", index)
        if not all(report.sound((*path, key)) for key in ("name", "pattern", "field")):
            continue
        ways = (entry.pattern is not None) + (entry.field is not None)
        report.check(ways == 1, path, f"it has {'both' if ways else 'neither'}", "either a pattern or a field")
        own = entry.name in ("key", "withheld")
        report.check(not own, (*path, "name"), f"{shown(entry.name)} is the guard's own", "another name for this kind")
        right = entry.field is None or (_POINTER.fullmatch(entry.field) is not None and entry.field != "")
        wanted = "a JSON pointer such as /user or /messages/*/name (RFC 6901)"
        report.check(right, (*path, "field"), f"got {shown(entry.field)}", wanted)


def tracing(config: Config, report: Report) -> None:
    """Spans can be posted there."""
    endpoint = config.tracing.endpoint
    usable = endpoint is None or is_webhook(endpoint)
    report.check(usable, ("tracing", "endpoint"), "it cannot be used", "http[s]://host[:port]/v1/traces")


CHECKS: tuple[Callable[[Config, Report], None], ...] = (
    models, paths, listeners, admin, tls, balancers, networks, blocks, sessions, clients, routes, websockets, limits,
    redaction, witnesses, sinks, store, tracing,
)  # fmt: skip
