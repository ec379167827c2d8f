from hashlib import sha256

import pytest

from guard.policy.clients import ANONYMOUS, key_hash
from guard.policy.meters import Meters
from guard.refusal import Refusal
from guard.stages.identify import api_key, identify
from tests.support.values import SALT, exchange, policy

KNOWN = {"clients": {"app": {"key": "app-key", "account": "acme"}}}


@pytest.mark.parametrize(
    ("fields", "key"),
    [
        ({}, None),
        ({"authorization": "Bearer k"}, "k"),
        ({"authorization": "bearer k"}, "k"),
        ({"authorization": "BEARER   k  "}, "k"),
        ({"authorization": "Bearer\tk"}, "k"),
        ({"authorization": "Bearer"}, None),
        ({"authorization": "Bearer "}, None),
        ({"authorization": ""}, None),
        ({"authorization": "k"}, "k"),
        ({"authorization": "Basic dTpw"}, "Basic dTpw"),
        ({"authorization": "Bearerk"}, "Bearerk"),
        ({"x_api_key": "k"}, "k"),
        ({"api_key": "k"}, "k"),
        ({"api_key": ""}, None),
        ({"x_api_key": "", "api_key": "k"}, "k"),
        ({"authorization": "Bearer k", "x_api_key": "k", "api_key": "k"}, "k"),
        ({"authorization": "Bearer", "x_api_key": "k"}, "k"),
        ({"authorization": "Bearer k", "x_api_key": ""}, "k"),
        ({"x_api_key": "\xe9"}, "\xe9"),
    ],
)
def test_where_a_key_is_found(fields, key):
    """A key may come as a bearer token or in the fields that the known APIs have for it."""
    assert api_key(exchange(policy(), **fields).head.fields) == key


@pytest.mark.parametrize(
    "fields",
    [
        {"authorization": "Bearer a", "x_api_key": "b"},
        {"authorization": "Bearer a", "api_key": "b"},
        {"x_api_key": "a", "api_key": "b"},
        {"authorization": "Basic a", "x_api_key": "a"},
        {"authorization": "Bearer a", "x_api_key": "A"},
    ],
)
def test_two_keys_are_refused(fields):
    """A request with two different keys could be judged by one and served by the other."""
    with pytest.raises(Refusal) as refused:
        identify(exchange(policy(**KNOWN), **fields), Meters())
    assert (refused.value.status, refused.value.code) == (400, "ambiguous_api_key")


def test_a_known_key_is_a_client():
    """The client of a known key is found, with its account."""
    one = exchange(policy(**KNOWN), authorization="Bearer app-key")
    identify(one, Meters())
    assert one.identity == (key_hash("app-key", SALT)[:16], ("app", "acme"), None)


def test_an_unknown_key_has_a_fingerprint():
    """A key that nobody knows can still be told from others."""
    one = exchange(policy(**KNOWN), x_api_key="strange-key")
    identify(one, Meters())
    assert one.identity == (key_hash("strange-key", SALT)[:16], None, None)


def test_without_key_a_request_is_anonymous():
    """No key is nobody's fingerprint."""
    one = exchange(policy(**KNOWN))
    identify(one, Meters())
    assert one.identity == ANONYMOUS


@pytest.mark.parametrize(
    ("fields", "served"), [({}, False), ({"x_api_key": "strange-key"}, False), ({"x_api_key": "app-key"}, True)]
)
def test_unknown_callers_may_be_refused(fields, served):
    """Where only known clients are served, everybody else gets 401, and nothing that tells keys apart."""
    one = exchange(policy(**KNOWN, identify={"unknown": "refuse"}), **fields)
    if served:
        identify(one, Meters())
    else:
        with pytest.raises(Refusal) as refused:
            identify(one, Meters())
        assert (refused.value.status, refused.value.code) == (401, "invalid_api_key")
        assert "strange-key" not in refused.value.message


@pytest.mark.parametrize(
    ("proxies", "expected"), [([], "10.0.0.1"), (["10.0.0.0/8"], "198.51.100.7"), (["192.0.2.0/24"], "10.0.0.1")]
)
def test_the_address_is_the_clients(proxies, expected):
    """Behind a trusted proxy the address is the one that it forwarded for."""
    one = exchange(
        policy(identify={"trusted_proxies": proxies}), peer="10.0.0.1", x_forwarded_for="1.1.1.1, 198.51.100.7"
    )
    identify(one, Meters())
    assert one.address == expected


def test_the_address_is_known_even_of_who_is_refused():
    """A refusal for want of a key is written down with the right address."""
    one = exchange(
        policy(identify={"trusted_proxies": ["10.0.0.0/8"], "unknown": "refuse"}),
        peer="10.0.0.1",
        x_forwarded_for="198.51.100.7",
    )
    with pytest.raises(Refusal):
        identify(one, Meters())
    assert one.address == "198.51.100.7"


CERTIFIED = {"clients": {"app": {"key": "app-key", "certificate": "A" * 64}, "batch": {"certificate": "b" * 64}}}


def certified(certificate, **fields):
    """An exchange on a connection whose client showed a certificate."""
    rules = policy(**CERTIFIED, identify={"unknown": "refuse"})
    one = exchange(rules, **fields)
    one.identity = rules.clients.certified(certificate)
    return one


@pytest.mark.parametrize(
    ("certificate", "fields", "client"),
    [
        ("a" * 64, {}, "app"),
        ("b" * 64, {}, "batch"),
        ("a" * 64, {"authorization": "Bearer app-key"}, "app"),
        ("a" * 64, {"authorization": "Bearer strange-key"}, "app"),
        ("c" * 64, {"authorization": "Bearer app-key"}, "app"),
    ],
)
def test_a_client_may_be_known_by_its_certificate(certificate, fields, client):
    """A certificate or a key is enough; the journal has the fingerprints of both."""
    one = certified(certificate, **fields)
    identify(one, Meters())
    assert one.identity.client.name == client
    assert one.identity.certificate == certificate
    assert (one.identity.key_id is not None) == bool(fields)


@pytest.mark.parametrize(
    ("certificate", "fields", "code"),
    [
        ("b" * 64, {"authorization": "Bearer app-key"}, (400, "ambiguous_client")),
        ("c" * 64, {}, (401, "invalid_api_key")),
        ("c" * 64, {"authorization": "Bearer strange-key"}, (401, "invalid_api_key")),
        ("", {}, (401, "invalid_api_key")),
    ],
)
def test_a_certificate_that_is_nobodys_or_anothers(certificate, fields, code):
    """A key and a certificate of two clients are refused, as two keys are; one that nobody is known by says nothing."""
    with pytest.raises(Refusal) as refused:
        identify(certified(certificate, **fields), Meters())
    assert (refused.value.status, refused.value.code) == code


def test_a_key_among_the_subprotocols_is_one_like_any_other():
    """OpenAI's browser clients are known by it, and may not carry another beside it."""
    offered = "realtime, openai-insecure-api-key.app-key"
    one = exchange(policy(**KNOWN), sec_websocket_protocol=offered)
    identify(one, Meters())
    assert one.identity.client.name == "app"
    same = exchange(policy(**KNOWN), sec_websocket_protocol=offered, authorization="Bearer app-key")
    identify(same, Meters())
    assert same.identity == one.identity
    with pytest.raises(Refusal) as refused:
        identify(exchange(policy(**KNOWN), sec_websocket_protocol=offered, api_key="other"), Meters())
    assert refused.value.code == "ambiguous_api_key"
    none = exchange(policy(**KNOWN), sec_websocket_protocol="realtime")
    identify(none, Meters())
    assert none.identity == ANONYMOUS


@pytest.mark.parametrize(
    ("fields", "session"),
    [
        ({"x_session_id": "s-1"}, "s-1"),
        ({}, None),
        ({"x_session_id": ""}, None),
        ({"x_other": "s-1"}, None),
        ({"x_session_id": "s" * 129}, "sha256:" + sha256(b"s" * 129).hexdigest()),
    ],
)
def test_a_header_names_the_session(fields, session):
    """The one that the configuration says, if it does; a head that comes again tells the same."""
    one = exchange(policy(identify={"session_header": "X-Session-ID"}), **fields)
    for _ in range(2):
        one.asked_in = None
        identify(one, Meters())
        assert one.asked_in == session
    other = exchange(policy(), **fields)
    identify(other, Meters())
    assert other.asked_in is None
