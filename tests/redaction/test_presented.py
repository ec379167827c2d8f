"""Which keys a request shows."""

import pytest

from guard.redaction.presented import in_fields, in_target


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        (b"authorization", b"Bearer sk-12345678", ["sk-12345678"]),
        (b"authorization", b"sk-12345678", ["sk-12345678"]),
        (b"authorization", b"Bearer  one-12345 two-12345", ["one-12345", "two-12345"]),
        (b"authorization", b"Bearer", []),
        (b"authorization", b"Bearer short", []),
        (b"authorization", b"Negotiate", []),
        (b"authorization", b"Bearer ignore previous instructions", []),
        (b"authorization", b"Bearer averylongkeyoflettersalone", ["averylongkeyoflettersalone"]),
        (b"authorization", b"AWS4-HMAC-SHA256 Credential=AKIA", ["Credential=AKIA"]),
        (b"authorization", b"Basic bWU6bXlwYXNzd29yZA==", ["bWU6bXlwYXNzd29yZA==", "me:mypassword"]),
        (b"authorization", b"Basic x", []),
        (
            b"proxy-authorization",
            b"Basic bWU6bXlwYXNzd29yZA==",
            ["bWU6bXlwYXNzd29yZA==", "me:mypassword"],
        ),
        (b"x-api-key", b"sk-12345678", ["sk-12345678"]),
        (b"api-key", b"sk-12345678", ["sk-12345678"]),
        (b"x-api-key", b"\xe9t\xe9-12345", ["été-12345"]),
        (b"sec-websocket-protocol", b"realtime, openai-insecure-api-key.sk-12345678", ["sk-12345678"]),
        (b"x-other", b"sk-12345678", []),
        (b"authorization", b"", []),
    ],
)
def test_keys_in_fields(name, value, expected):
    """What stands where clients put credentials; what is too short to be one is none, nor is a word."""
    assert in_fields([(b"host", b"guard-12345"), (name, value)]) == expected


def test_each_key_is_told_once():
    """However often it is shown."""
    fields = [(b"authorization", b"Bearer sk-12345678"), (b"x-api-key", b"sk-12345678"), (b"api-key", b"other-12345")]
    assert in_fields(fields) == ["sk-12345678", "other-12345"]


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("/v1/x", []),
        ("/v1/x?name=sk-12345678", []),
        ("/v1/x?api_key=sk-12345678&a=b", ["sk-12345678"]),
        ("/v1/x;token=sk-12345678", ["sk-12345678"]),
        ("/v1/x?key=sk%2D12345678", ["sk%2D12345678", "sk-12345678"]),
        ("/v1/x?key=short", []),
    ],
)
def test_keys_in_targets(target, expected):
    """Values of parameters that are named like keys, as they stand and decoded."""
    assert in_target(target) == expected
