import pytest

from guard import measures
from guard.config import Block, Client
from guard.policy.blocks import Blocks
from guard.policy.clients import ANONYMOUS, Clients, Identity, key_hash

SALT = bytes(32)
CLIENTS = Clients({"app": Client(key="app-key", account="acme"), "lone": Client(key="lone-key")}, SALT)
APP, LONE, STRANGER = (CLIENTS.identify(key) for key in ("app-key", "lone-key", "strange-key"))
KEY_ID = key_hash("strange-key", SALT)[:16]


@pytest.mark.parametrize(
    ("block", "address", "identity", "expected"),
    [
        (Block(ip="203.0.113.7"), "203.0.113.7", ANONYMOUS, "address 203.0.113.7"),
        (Block(ip="203.0.113.7"), "203.0.113.8", ANONYMOUS, None),
        (Block(ip="203.0.113.0/24"), "203.0.113.8", ANONYMOUS, "address 203.0.113.0/24"),
        (Block(ip="203.0.113.0/24"), "::ffff:203.0.113.8", ANONYMOUS, "address 203.0.113.0/24"),
        (Block(ip="203.0.113.0/24"), "203.0.114.8", APP, None),
        (Block(ip="2001:db8::/32"), "2001:db8:1::1", APP, "address 2001:db8::/32"),
        (Block(ip="2001:db8::/32"), "2001:DB8:1:0::1", APP, "address 2001:db8::/32"),
        (Block(ip="2001:db8::/32"), "2001:db9::1", APP, None),
        (Block(ip="0.0.0.0/0"), "192.0.2.1", APP, "address 0.0.0.0/0"),
        (Block(ip="0.0.0.0/0"), "::1", APP, None),
        (Block(ip="0.0.0.0/0"), "", APP, None),
        (Block(ip="0.0.0.0/0"), "not an address", APP, None),
        (Block(account="acme"), "192.0.2.1", APP, "account acme"),
        (Block(account="acme"), "192.0.2.1", LONE, None),
        (Block(account="acme"), "192.0.2.1", ANONYMOUS, None),
        (Block(account="other"), "192.0.2.1", APP, None),
        (Block(client="app"), "192.0.2.1", APP, "client app"),
        (Block(client="app"), "192.0.2.1", LONE, None),
        (Block(client="app"), "192.0.2.1", STRANGER, None),
        (Block(key="strange-key"), "192.0.2.1", STRANGER, f"key {KEY_ID}"),
        (Block(key="strange-key"), "192.0.2.1", ANONYMOUS, None),
        (Block(key="app-key"), "192.0.2.1", APP, f"key {APP.key_id}"),
        (Block(key="app-key"), "192.0.2.1", LONE, None),
    ],
)
def test_who_is_blocked(block, address, identity, expected):
    """A block holds whom it names by address, network, account, client or key, and nobody else."""
    found = (expected, False) if expected is not None else None
    blocks = Blocks([block], CLIENTS)
    assert blocks.find(address, identity) == found
    assert blocks.find(address, identity) == found


def test_without_blocks_nobody_is_blocked():
    """No blocks, no questions."""
    blocks = Blocks([], CLIENTS)
    for identity in (APP, LONE, STRANGER, ANONYMOUS, Identity("0" * 16, None)):
        assert blocks.find("192.0.2.1", identity) is None


def test_many_blocks():
    """Each of many blocks holds, whatever the others are."""
    networks = [f"10.{number // 256}.{number % 256}.0/24" for number in range(5_000)]
    blocks = Blocks([Block(ip=network) for network in networks], CLIENTS)
    for number in (0, 1, 255, 256, 4_999):
        assert blocks.find(f"10.{number // 256}.{number % 256}.77", ANONYMOUS) == (f"address {networks[number]}", False)
    assert blocks.find("10.19.136.1", ANONYMOUS) is None


def whats(blocks, *callers):
    """What of each caller is blocked."""
    return [found.what if (found := blocks.find(*caller)) is not None else None for caller in callers]


def test_blocks_that_were_taken_since():
    """What operators order counts beside what the configuration says; a key by its fingerprint."""
    taken = [
        measures.Block("ip", "198.51.100.0/24", "r"), measures.Block("account", "acme", "r"),
        measures.Block("client", "lone", "r"), measures.Block("key", KEY_ID, "r"),
    ]  # fmt: skip
    blocks = Blocks([Block(ip="203.0.113.7")], CLIENTS).with_taken(taken)
    found = whats(blocks, *((address, ANONYMOUS) for address in ("203.0.113.7", "198.51.100.9", "192.0.2.1")))
    assert found == ["address 203.0.113.7", "address 198.51.100.0/24", None]
    found = whats(blocks, *(("192.0.2.1", who) for who in (APP, LONE, STRANGER)))
    assert found == ["account acme", "client lone", f"key {KEY_ID}"]
    assert whats(blocks.with_taken(()), ("203.0.113.7", ANONYMOUS), ("192.0.2.1", APP)) == [
        "address 203.0.113.7", None,
    ]  # fmt: skip


def test_sessions_and_user_agents():
    """A session by its name, a user agent by a pattern, whoever it is that has them."""
    blocks = Blocks([Block(session="s-1"), Block(agent="Curl/*")], CLIENTS)
    callers = [("192.0.2.1", LONE, session, agent) for session, agent in (
        ("s-1", None), ("s-2", None), (None, "curl/8.9.1"), ("s-1", "curl/8"), (None, "libcurl/8"),
    )]  # fmt: skip
    assert whats(blocks, *callers) == ["session s-1", None, "agent Curl/*", "agent Curl/*", None]


@pytest.mark.parametrize(
    ("blocks", "taken", "expected"),
    [
        ([Block(ip="192.0.2.0/24", simulated=True)], [], ("address 192.0.2.0/24", True)),
        ([Block(ip="192.0.2.0/24", simulated=True), Block(ip="192.0.2.1")], [], ("address 192.0.2.1", False)),
        ([Block(ip="192.0.2.1", simulated=True), Block(ip="192.0.2.0/24")], [], ("address 192.0.2.0/24", False)),
        ([Block(ip="192.0.2.1", simulated=True), Block(client="lone")], [], ("client lone", False)),
        ([Block(key="lone-key", simulated=True), Block(client="lone")], [], ("client lone", False)),
        ([Block(client="lone", simulated=True)], [("ip", "192.0.2.1")], ("address 192.0.2.1", False)),
        ([Block(ip="192.0.2.1", simulated=True)], [("client", "lone")], ("client lone", False)),
    ],
)
def test_what_is_simulated_never_hides_what_is_enforced(blocks, taken, expected):
    """Of several blocks on a caller one that is enforced counts, wherever it comes from."""
    made = Blocks(blocks, CLIENTS, [measures.Block(kind, value, "r") for kind, value in taken])
    assert made.find("192.0.2.1", LONE) == expected
