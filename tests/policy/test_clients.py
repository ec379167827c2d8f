import hashlib
import hmac
import stat
from concurrent.futures import ThreadPoolExecutor

import pytest

from guard.config import Client
from guard.policy.clients import ANONYMOUS, KEY_ID_LENGTH, REMEMBERED_KEYS, SALT_BYTES, Clients, key_hash, load_salt

SALT = b"s" * SALT_BYTES


def test_a_key_hash_is_an_hmac():
    """The hash that stands for a key is HMAC-SHA-256 under the installation's salt."""
    assert key_hash("key", SALT) == hmac.new(SALT, b"key", hashlib.sha256).hexdigest()
    assert key_hash("key", SALT) != key_hash("key", b"t" * SALT_BYTES)


def test_a_client_is_known_by_key_or_hash():
    """A client may be configured with its key or, in any case of letters, with the key's hash."""
    clients = Clients(
        {
            "one": Client(key="first-key", account="acme"),
            "two": Client(key_hash=key_hash("second-key", SALT)),
            "three": Client(key_hash=key_hash("third-key", SALT).upper()),
        },
        SALT,
    )
    assert clients.identify("first-key").client == ("one", "acme")
    assert clients.identify("second-key").client == ("two", None)
    assert clients.identify("third-key").client == ("three", None)


@pytest.mark.parametrize(
    "key", ["", "first-ke", "first-key ", "FIRST-KEY", "first-key\x00", "é", "x" * 10_000, key_hash("first-key", SALT)]
)
def test_any_other_key_is_nobodys(key):
    """A key that only resembles a known one, or is its hash, has a fingerprint and no client."""
    identity = Clients({"one": Client(key="first-key")}, SALT).identify(key)
    assert identity == (key_hash(key, SALT)[:KEY_ID_LENGTH], None, None)


def test_a_client_without_key_is_nobody():
    """An entry with neither key nor hash is matched by no key."""
    clients = Clients({"one": Client()}, SALT)
    assert clients.identify("").client is None


def test_the_fingerprint_is_the_identitys():
    """What the journal shows of a key is the same wherever it is made, and not the key."""
    clients = Clients({"one": Client(key="first-key")}, SALT)
    assert clients.fingerprint("first-key") == clients.identify("first-key").key_id == key_hash("first-key", SALT)[:16]
    assert "first-key" not in repr(clients.identify("first-key"))
    assert ANONYMOUS == (None, None, None)


def test_many_keys_are_not_all_remembered():
    """Keys that strangers invent take a bounded amount of memory, long ones none, and are identified all the same."""
    clients = Clients({"one": Client(key="first-key")}, SALT)
    for number in range(REMEMBERED_KEYS + 100):
        assert clients.identify(f"invented-{number}").client is None
    clients.identify("x" * 100_000)
    assert clients._remembered.cache_info().currsize == REMEMBERED_KEYS
    assert clients.identify("first-key").client is not None


def test_the_salt_is_made_once(tmp_path):
    """The first start makes a secret salt that only its owner can read; later starts find it."""
    state = tmp_path / "var" / "state"
    salt = load_salt(state)
    assert len(salt) == SALT_BYTES
    assert stat.S_IMODE((state / "salt").stat().st_mode) == 0o600
    assert load_salt(state) == salt
    assert [path.name for path in state.iterdir()] == ["salt"]
    assert load_salt(tmp_path / "other") != salt


def test_workers_that_start_together_have_one_salt(tmp_path):
    """Of several that start at once in one folder all have the salt of the one that made it."""
    with ThreadPoolExecutor(8) as pool:
        for number in range(20):
            folder = tmp_path / str(number)
            assert len(set(pool.map(lambda _, folder=folder: load_salt(folder), range(8)))) == 1


@pytest.mark.parametrize("content", [b"", b"short", b"x" * (SALT_BYTES + 1)])
def test_a_broken_salt_is_an_error(tmp_path, content):
    """A salt that was cut or overwritten is not used: every key would get another fingerprint."""
    (tmp_path / "salt").write_bytes(content)
    with pytest.raises(ValueError, match=f"expected {SALT_BYTES} bytes, found {len(content)}"):
        load_salt(tmp_path)


def test_a_state_folder_that_is_none(tmp_path):
    """A folder that cannot be made is the system's error."""
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OSError, match=r"file"):
        load_salt(tmp_path / "file")
