"""What a configuration must be beyond its types."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from guard.settings import SettingsError, load

KNOWN = {"b": {"key": "k", "account": "a"}}
VERSIONS = {"v1": {"url": "http://h:1"}, "v2": {"url": "http://h:2"}}


def told(folder: Path, **parts: Any) -> list[str]:
    """The errors of a right configuration with these parts put into it, as ``path: what``."""
    document = {
        "models": {"chat": {"versions": VERSIONS, "active": "v2"}},
        "routes": [{"path": "/v1/", "format": "openai", "model": "chat"}],
        **parts,
    }
    path = folder / "guard.yaml"
    path.write_text(yaml.safe_dump(document, sort_keys=False))
    try:
        load(path, {})
    except SettingsError as error:
        return [f"{one.path}: {one.wrong}; {one.expected}" for one in error.errors]
    return []


def one(found: list[str], expected: str | None) -> None:
    """Exactly this error, or none."""
    if expected is None:
        assert found == []
    else:
        assert len(found) == 1
        assert expected in found[0]


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ({"active": "v1", "fallback": ["v2"]}, None),
        ({"active": "v3"}, 'models.chat.active: there is no version "v3"; one of v1, v2'),
        ({"active": "v1", "fallback": ["v3"]}, 'models.chat.fallback[0]: there is no version "v3"'),
        ({"active": "v1", "fallback": ["v2", "v2"]}, "models.chat.fallback[1]: v2 stands here twice"),
        ({"active": "v1", "fallback": ["v1"]}, "models.chat.fallback[0]: v1 is the active version"),
        ({"active": "v1", "versions": {"v1": {"url": "x"}}}, "models.chat.versions.v1.url"),
        (
            {"active": "v1", "versions": {"v1": {"url": "http://h", "ca": ""}}},
            "models.chat.versions.v1.ca: it is empty",
        ),
    ],
)
def test_versions(tmp_path, model, expected):
    """Active and fallback are versions that exist, each once."""
    one(told(tmp_path, models={"chat": {"versions": VERSIONS, **model}}), expected)


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [
        ([], None),
        (["multipart", "binary"], None),
        (["binary", "binary"], "routes[0].also_accept: a kind of bodies stands here twice; each once"),
        (["json"], "routes[0].also_accept"),
        ("multipart", "routes[0].also_accept"),
    ],
)
def test_kinds_of_bodies(tmp_path, kinds, expected):
    """A route names what it accepts besides JSON, each kind once."""
    one(told(tmp_path, routes=[{"path": "/v1/", "format": "openai", "model": "chat", "also_accept": kinds}]), expected)


@pytest.mark.parametrize(
    ("url", "right"),
    [
        ("http://h", True),
        ("https://api.example.com/base", True),
        ("http://127.0.0.1:9001/", True),
        ("http://[::1]:9001", True),
        ("http://my_service:80", True),
        ("ftp://h", False),
        ("//h", False),
        ("h:80", False),
        ("http://", False),
        ("http://:80", False),
        ("http://h:99999", False),
        ("http://h:x", False),
        ("http://u@h", False),
        ("http://u:p@h", False),
        ("http://@h", False),
        ("http://h?q=1", False),
        ("http://h/?", False),
        ("http://h#f", False),
        ("http://h/#", False),
        ("http://a b", False),
        ("http://h/a b", False),
        ("http://h\\@evil", False),
        ("http://[::1", False),
        (" http://h", False),
    ],
)
def test_url(tmp_path, url, right):
    """A version's URL is http or https, a host, a port and a base path, and nothing more."""
    model = {"versions": {"v1": {"url": url}}, "active": "v1"}
    one(told(tmp_path, models={"chat": model}), None if right else "models.chat.versions.v1.url: ")


@pytest.mark.parametrize(
    ("data", "admin", "expected"),
    [
        ("127.0.0.1:0", "127.0.0.1:0", None),
        ("[::1]:80", "[::1]:81", None),
        ("localhost:80", "0.0.0.0:81", None),
        ("127.0.0.1", "h:1", "data.listen: "),
        ("::1:80", "h:1", "data.listen: "),
        ("h:70000", "h:1", "data.listen: "),
        ("h:2", ":80", "admin.listen: "),
        ("h:2", "h:-1", "admin.listen: "),
        ("h:2", "h:2", "admin.listen: it is the address of data.listen"),
    ],
)
def test_listeners(tmp_path, data, admin, expected):
    """Both listeners have an address of their own that parses."""
    one(told(tmp_path, data={"listen": data}, admin={"listen": admin, "plain": True}), expected)


@pytest.mark.parametrize(
    ("admin", "expected"),
    [
        ({"listen": None}, None),
        ({"listen": "127.0.0.9:1"}, None),
        ({"listen": "[::1]:1"}, None),
        ({"listen": "localhost:1"}, None),
        ({"listen": "0.0.0.0:1", "plain": True}, None),
        ({"listen": "10.0.0.1:1", "tls": {"certificate": "c", "key": "k"}}, None),
        ({"listen": "0.0.0.0:1"}, "admin.listen: operators' tokens would pass in plain text"),
        ({"listen": "guard.example:1"}, "admin.listen: operators' tokens would pass in plain text"),
        ({"tls": {"certificate": "c"}}, "admin.tls: a certificate and its key go together"),
        ({"tls": {"certificate": "", "key": "k"}}, "admin.tls.certificate: it is empty"),
        ({"hosts": ["guard.example", "10.0.0.1", "[2001:db8::1]"]}, None),
        ({"hosts": ["guard.example:8081"]}, "admin.hosts[0]: "),
        ({"hosts": ["https://guard.example"]}, "admin.hosts[0]: "),
    ],
)
def test_who_listens_to_more_than_this_machine_speaks_tls(tmp_path, admin, expected):
    """Or says that something before it does; the names that it is known by are names, without ports."""
    one(told(tmp_path, admin=admin), expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10.0.0.0/8", None),
        ("192.0.2.7", None),
        ("2001:db8::/32", None),
        ("::1", None),
        ("10.0.0.1/8", '"10.0.0.1/8" has host bits set; 10.0.0.0/8'),
        ("2001:db8::1/32", "has host bits set; 2001:db8::/32"),
        ("fe80::1%eth0", 'got "fe80::1%eth0"; an address or a network'),
        ("fe80::%eth0/64", 'got "fe80::%eth0/64"; an address or a network'),
        ("10.0.0.0/33", "an address or a network"),
        ("10.0.0", "an address or a network"),
        ("example.com", "an address or a network"),
        ("", "an address or a network"),
        ("::ffff:10.0.0.1", "is IPv4 inside of IPv6; 10.0.0.1/32"),
        ("::ffff:10.0.0.0/104", "is IPv4 inside of IPv6; 10.0.0.0/8"),
    ],
)
def test_networks(tmp_path, text, expected):
    """Trusted proxies and blocked addresses parse; the error suggests what may have been meant."""
    one(told(tmp_path, identify={"trusted_proxies": [text]}), expected)
    one(told(tmp_path, blocks=[{"ip": text}]), expected)


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        ({"ip": "10.0.0.1", "reason": "x"}, None),
        ({"key": "k"}, None),
        ({"account": "a", "ip": None}, None),
        ({}, "blocks[0]: it names nobody"),
        ({"reason": "x"}, "blocks[0]: it names nobody"),
        ({"account": "a", "client": "b"}, "blocks[0]: it names account and client"),
        ({"account": "acme"}, 'there is no account "acme" in clients'),
        ({"client": "c"}, 'there is no client "c" in clients'),
        ({"agent": "curl/*", "simulated": True}, None),
        ({"agent": "**"}, 'blocks[0].agent: got "**"; a pattern such as'),
        ({"agent": "a", "key": "b"}, "blocks[0]: it names key and agent"),
    ],
)
def test_blocks(tmp_path, block, expected):
    """A block says whom in exactly one way."""
    one(told(tmp_path, blocks=[block], clients=KNOWN), expected)


@pytest.mark.parametrize(
    ("header", "session", "expected"),
    [
        ("x-session-id", "s-1", None),
        ("X-Session-ID", "sha256:" + "0" * 64, None),
        ("x-session-id", None, None),
        (None, "s-1", "blocks[0].session: no header names sessions; identify.session_header"),
        ("x-session-id", " s", "blocks[0].session: got "),
        ("x-session-id", "s" * 129, "blocks[0].session: got "),
        ("x session", "s-1", 'identify.session_header: "x session" is no name of a header; e.g. x-session-id'),
        ("Cookie", "s-1", 'identify.session_header: what "Cookie" says is a secret'),
        ("authorization", None, "is a secret; a header of its own for sessions"),
    ],
)
def test_sessions(tmp_path, header, session, expected):
    """A header names them that may be written down, and one is there where they are blocked."""
    blocks = [{"session": session}] if session is not None else []
    one(told(tmp_path, blocks=blocks, identify={"session_header": header}), expected)


FILES = {"certificate": "a.pem", "key": "a.key"}


@pytest.mark.parametrize(
    ("tls", "expected"),
    [
        ({}, None),
        (FILES, None),
        ({**FILES, "client_ca": "b.pem", "client": "optional"}, None),
        ({"certificate": "a.pem"}, "data.tls: a certificate and its key go together; both of certificate and key"),
        ({"key": "a.key"}, "data.tls: a certificate and its key go together"),
        ({"client_ca": "b.pem"}, "data.tls.client_ca: there is no TLS; certificate and key beside it"),
        ({**FILES, "key": ""}, "data.tls.key: it is empty; the path of a PEM file"),
        ({**FILES, "client": "never"}, "data.tls.client: got"),
        ({**FILES, "client": "required"}, "data.tls.client: clients are asked for no certificate; client_ca beside it"),
    ],
)
def test_tls(tmp_path, tls, expected):
    """The listener's files are complete."""
    one(told(tmp_path, data={"tls": tls}), expected)


def test_a_certificate_alone_may_be_who_a_client_is(tmp_path):
    """Where certificates are verified, a client needs no key."""
    data = {"tls": {**FILES, "client_ca": "b.pem"}}
    one(told(tmp_path, data=data, clients={"a": {"certificate": "0" * 64}}), None)


def test_the_proxy_protocol_is_spoken_with_somebody(tmp_path):
    """Without trusted proxies nobody's header would be read."""
    data = {"proxy_protocol": True}
    one(told(tmp_path, data=data), "data.proxy_protocol: nobody's header is believed; addresses in identify.trusted_")
    one(told(tmp_path, data=data, identify={"trusted_proxies": ["10.0.0.0/8"]}), None)


@pytest.mark.parametrize(
    ("clients", "expected"),
    [
        ({"a": {"key": "x"}, "b": {"key_hash": "0" * 64}}, None),
        ({"a": {"key_hash": "AB" * 32}}, None),
        ({"a": {}}, "clients.a: nothing tells it"),
        ({"a": {"key": "x", "key_hash": "0" * 64}}, "clients.a: it has two keys"),
        ({"a": {"key_hash": "0" * 63}}, "clients.a.key_hash: it is no hash"),
        ({"a": {"key_hash": "g" * 64}}, "clients.a.key_hash: it is no hash"),
        ({"a": {"key": "x"}, "b": {"key": "x"}}, "clients.b: its key is that of the client a"),
        ({"a": {"key_hash": "ab" * 32}, "b": {"key_hash": "AB" * 32}}, "clients.b: its key is that of the client a"),
        ({"a": {"key": "x", "certificate": "0" * 64}}, None),
        ({"a": {"key": "x", "certificate": "0:0"}}, "clients.a.certificate: it is no hash; 64 hex digits, the cert"),
        ({"a": {"certificate": "0" * 64}}, "clients.a.certificate: no certificate is asked for; data.tls.client_ca"),
        (
            {"a": {"key": "x", "certificate": "ab" * 32}, "b": {"key": "y", "certificate": "AB" * 32}},
            "clients.b: its certificate is that of the client a",
        ),
    ],
)
def test_clients(tmp_path, clients, expected):
    """A client has one key, given in one way, that is no other client's."""
    one(told(tmp_path, clients=clients), expected)


def test_key_hash_is_lower_case(tmp_path):
    """A hash may be written in capitals; the configuration has it in lower case."""
    path = tmp_path / "guard.yaml"
    document = {
        "models": {"m": {"versions": VERSIONS, "active": "v1"}},
        "routes": [{"path": "/", "format": "openai", "model": "m"}],
        "clients": {"a": {"key_hash": "AB" * 32}},
    }
    path.write_text(yaml.safe_dump(document))
    assert load(path, {}).clients["a"].key_hash == "ab" * 32


def route(path: str, format_: str = "openai", *names: str, **more: Any) -> dict[str, Any]:
    """One route as the file has it."""
    return {"path": path, "format": format_, "model": "chat", "names": list(names), **more}


@pytest.mark.parametrize(
    ("routes", "expected"),
    [
        ([route("/v1/messages", "anthropic"), route("/v1/")], None),
        ([route("/v1/", "openai", "gpt-*"), route("/v1/")], None),
        ([route("/a/"), route("/b/", "anthropic")], None),
        ([route("/v1/"), route("/v1/chat")], "routes[1]: it is never reached: routes[0] (/v1/, no names)"),
        ([route("/v1/"), route("/v1/", "openai", "gpt-*")], "routes[1]: it is never reached"),
        ([route("/v1/", "openai", "a"), route("/v1/", "anthropic")], "routes[1].format: it reads bodies as anthropic"),
        ([route("/v1/", "openai", "a"), route("/v1/m", "anthropic", "b")], "routes[1].format"),
        ([route("/v1/m", "anthropic", "a"), route("/v1/")], "routes[1].format"),
        ([route("/v1/m", "anthropic", "a"), route("/v1/m", "anthropic"), route("/v1/")], None),
        ([route("/", model="nope")], 'routes[0].model: there is no model "nope"; one of chat'),
        ([route("/", "generic", prompt=["/a/*/b", "/c~0d~1", ""])], None),
        ([route("/", "generic", output=["a"])], 'routes[0].output[0]: got "a"; a JSON pointer'),
        ([route("/", "generic", prompt=["/ok", "/a~2"])], 'routes[0].prompt[1]: got "/a~2"; a JSON pointer'),
        ([route("/", "openai", prompt=["/a"])], "routes[0].prompt: the format openai knows this itself"),
        ([], "routes: it is empty"),
    ],
)
def test_routes(tmp_path, routes, expected):
    """Routes lead to models, can be reached, agree on the format of what they share, and have pointers that parse."""
    one(told(tmp_path, routes=routes), expected)


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        ({"requests": "10/s"}, None),
        ({"requests": "10/s", "burst": 5, "concurrency": 2}, None),
        ({"concurrency": 2}, None),
        ({}, "limits[0]: it limits nothing"),
        ({"tokens": "100000/min"}, None),
        ({"cost": "50/d"}, "limits[0].cost: no model has a price; price at a version of a model"),
        ({"tokens": "1/month", "burst": 1}, "limits[0].burst: there is no rate that it could exceed"),
        ({"concurrency": 2, "burst": 1}, "limits[0].burst: there is no rate that it could exceed"),
    ],
)
def test_limits(tmp_path, limit, expected):
    """A limit limits something, and a burst belongs to a rate."""
    one(told(tmp_path, limits=[{"per": "client", **limit}]), expected)


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ({"state": ""}, "state: it is empty"),
        ({"rules": {"dir": ""}}, "rules.dir: it is empty"),
        ({"rules": {"dir": None}}, None),
        ({"journal": {"dir": ""}}, "journal.dir: it is empty"),
    ],
)
def test_paths(tmp_path, parts, expected):
    """A folder has a name, and only the rules can do without one."""
    one(told(tmp_path, **parts), expected)


def test_wrong_models_are_not_told_again_by_routes(tmp_path):
    """A route to a model that is there but broken is no error of its own."""
    found = told(tmp_path, models={"chat": {"versions": {"v1": {}}, "active": "v1"}})
    assert [line.partition(":")[0] for line in found] == ["models.chat.versions.v1.url"]
    assert [line.partition(":")[0] for line in told(tmp_path, models=7)] == ["models"]


@pytest.mark.parametrize(
    ("route", "expected"),
    [
        ({"format": "openai", "websocket": True}, None),
        ({"format": "generic", "websocket": True}, None),
        ({"format": "anthropic", "websocket": False}, None),
        ({"format": "anthropic", "websocket": True}, "routes[0].websocket: the format anthropic has no WebSockets"),
        ({"format": "openai", "websocket": "yes"}, 'routes[0].websocket: got "yes"; true or false'),
    ],
)
def test_websockets(tmp_path, route, expected):
    """They can be relayed where there is a format that reads what they say."""
    one(told(tmp_path, routes=[{"path": "/v1/", "model": "chat", **route}]), expected)


@pytest.mark.parametrize(("value", "expected"), [(None, None), (3600, None), (0, "upstream.session_timeout: got 0")])
def test_session_timeout(tmp_path, value, expected):
    """A session has no end of its own, or a time above zero."""
    one(told(tmp_path, upstream={"session_timeout": value}), expected)


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({"name": "email", "pattern": "[a-z]+@[a-z]+"}, None),
        ({"name": "user", "field": "/messages/*/name"}, None),
        ({"name": "user"}, "journal.redact[0]: it has neither; either a pattern or a field"),
        ({"name": "user", "field": "/user", "pattern": "x"}, "journal.redact[0]: it has both"),
        ({"name": "key", "pattern": "x"}, 'journal.redact[0].name: "key" is the guard\'s own'),
        ({"name": "user", "field": "user"}, 'journal.redact[0].field: got "user"; a JSON pointer'),
        ({"name": "user", "field": ""}, "journal.redact[0].field"),
        ({"name": "no name", "pattern": "x"}, "journal.redact[0].name"),
        ({"name": "a", "pattern": "x", "filed": "/x"}, "journal.redact[0].filed: there is no key filed here; field?"),
    ],
)
def test_redaction(tmp_path, entry, expected):
    """What is redacted is a pattern or a field, under a name of its own."""
    one(told(tmp_path, journal={"redact": [entry]}), expected)


@pytest.mark.parametrize(
    ("witness", "expected"),
    [
        ({"file": "/mnt/elsewhere/checkpoints"}, None),
        ({"url": "https://witness.example/guard?node=1", "key": "k"}, None),
        ({"url": "http://[::1]:8000/"}, None),
        ({}, "journal.witnesses[0]: it is nowhere, or in two places; exactly one of file and url"),
        ({"file": "f", "url": "https://h/"}, "journal.witnesses[0]: it is nowhere, or in two places"),
        ({"file": ""}, "journal.witnesses[0].file: it is empty"),
        ({"file": "f", "key": "k"}, "journal.witnesses[0].key: there is no url that it could be for"),
        ({"url": "ftp://h/secret"}, "journal.witnesses[0].url: it cannot be used"),
        ({"url": "https:///secret"}, "journal.witnesses[0].url: it cannot be used"),
        ({"url": "https://user:secret@h/"}, "journal.witnesses[0].url: it cannot be used"),
        ({"url": "https://h:99999/secret"}, "journal.witnesses[0].url: it cannot be used"),
        ({"url": "https://h/#secret"}, "journal.witnesses[0].url: it cannot be used"),
        ("https://h/secret", "journal.witnesses[0]: its value does not fit"),
    ],
)
def test_witnesses(tmp_path, witness, expected):
    """A witness is a file or a URL that can be posted to; an address, which may be a secret, is not repeated."""
    found = told(tmp_path, journal={"witnesses": [witness]})
    one(found, expected)
    assert "secret" not in "".join(found)


@pytest.mark.parametrize(
    ("store", "expected"),
    [
        ({}, None),
        ({"url": "redis://:secret@h:7000/2"}, None),
        ({"url": "rediss://h", "ca": "ca.pem", "password": "secret", "name": "eu", "timeout": 0.5}, None),
        ({"url": "redis+sentinel://a:1,b:2/fleet/1"}, None),
        ({"url": "redis+cluster://a,b"}, None),
        ({"url": "sqlite:store.db"}, None),
        ({"url": "sqlite:///var/lib/guard/store.db", "name": "eu", "timeout": 0.5}, None),
        ({"url": "sqlite:"}, "store.url: it cannot be used; the path of a file"),
        ({"url": "sqlite:store.db", "password": "secret"}, "store.password: a file has none; the url alone"),
        ({"url": "sqlite:store.db", "ca": "ca.pem"}, "store.ca: the url has no TLS"),
        ({"url": "http://:secret@h"}, "store.url: it cannot be used; sqlite:path, redis[s]://host:port/database"),
        ({"url": "redis+sentinel://:secret@h"}, "store.url: it cannot be used; the service's name behind the hosts"),
        ({"url": "redis+cluster://:secret@h/1"}, "store.url: it cannot be used; no database"),
        ({"url": "${STORE_URL}"}, "store.url: the environment variable STORE_URL is not set"),
        ({"url": "redis://${HOST}"}, "store.url: `${` is only part of it"),
        ({"url": "redis://:secret@h", "password": "secret"}, "store.password: there is one in the url too"),
        ({"url": "redis://h", "ca": "ca.pem"}, "store.ca: the url has no TLS; rediss:// there, or no ca"),
        ({"url": "rediss://h", "ca": ""}, "store.ca: it is empty"),
        ({"password": "secret"}, "store.password: there is no url that it could be for"),
        ({"ca": "ca.pem"}, "store.ca: there is no url that it could be for"),
        ({"name": "a b"}, "store.name"),
        ({"timeout": 0}, "store.timeout"),
        ("redis://:secret@h", "store: its value does not fit"),
    ],
)
def test_store(tmp_path, store, expected):
    """A store has an address of a kind that there is, which is not repeated; what goes with it goes with it."""
    found = told(tmp_path, store=store)
    assert "secret" not in str(found)
    one(found, expected)


@pytest.mark.parametrize(
    ("ship", "expected"),
    [
        ({"redis": {"url": "redis://:pw@h:6379/0"}}, None),
        ({"redis": {"url": "rediss://h", "stream": "s", "max_entries": 5}}, None),
        ({"redis": {"url": "unix:///run/valkey.sock"}}, None),
        ({"redis": {"url": "http://:secret@h"}}, "journal.ship.redis.url: it cannot be used; redis://"),
        ({"redis": {"stream": ""}}, "journal.ship.redis.stream: it is empty"),
        ({"redis": "redis://:secret@h"}, "journal.ship.redis: its value does not fit"),
        ("redis://:secret@h", "journal.ship: its value does not fit"),
    ],
)
def test_sinks(tmp_path, ship, expected):
    """What ships has an address of a kind that there is; one with a password is not repeated."""
    found = told(tmp_path, journal={"ship": ship})
    one(found, expected)
    assert "secret" not in "".join(found)


@pytest.mark.parametrize(
    ("endpoint", "sample", "expected"),
    [
        ("http://127.0.0.1:4318/v1/traces", 0.1, None),
        ("https://collector/v1/traces", 0, None),
        ("127.0.0.1:4318", 1, "tracing.endpoint: it cannot be used; http"),
        ("http://user:secret@h/v1/traces", 1, "tracing.endpoint: it cannot be used; http"),
        ("http://h/v1/traces", 1.5, "tracing.sample"),
    ],
)
def test_tracing(tmp_path, endpoint, sample, expected):
    """Spans are posted to a URL, and no more than all of them; a password is not repeated."""
    found = told(tmp_path, tracing={"endpoint": endpoint, "sample": sample})
    one(found, expected)
    assert "secret" not in "".join(found)


def test_the_path_of_a_witness_counts_from_the_file(tmp_path):
    """A relative path is one beside the configuration."""
    assert told(tmp_path, journal={"witnesses": [{"file": "there/checkpoints"}]}) == []
    (witness,) = load(tmp_path / "guard.yaml", {}).journal.witnesses
    assert witness.file == str(tmp_path / "there" / "checkpoints")
