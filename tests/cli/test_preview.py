"""What an order would change, in words."""

import pytest

from tests.cli.measuring import elsewhere, run, taken
from tests.support.admin import admin

WHY = ("--reason", "r")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("account:acme", "tokens", "100/min", "burst", "4"), "set-limit account:acme tokens 100/min burst 4"),
        (("account", "requests", "9/s"), "set-limit account requests 9/s"),
        (("global", "concurrency", "4", "--for", "90m"), "set-limit global concurrency 4 for 90m"),
    ],
)
async def test_a_limit_is_told_as_it_was_asked_for(tmp_path, words, told):
    """Whose, of what, how much, and how much at once; by this machine and another one."""
    command = "limit", "set", *words, *WHY, "--dry-run"
    assert run(tmp_path, *command).stdout == f"{told}: would be new\n"
    async with admin(tmp_path / "there") as api:
        assert (await elsewhere(api, "operator", *command)).stdout == f"{told}: would be new\n"


def test_a_limit_that_would_be_taken_back(tmp_path):
    """All of its kind, or all of somebody's."""
    run(tmp_path, "limit", "set", "client:app", "tokens", "9/s", *WHY)
    for words, told in (
        (("client:app", "tokens"), "remove-limit client:app tokens: would take back "),
        (("client:app",), "remove-limit client:app: would take back "),
    ):
        assert run(tmp_path, "limit", "remove", *words, *WHY, "--dry-run").stdout.startswith(told)


def test_how_long_a_block_would_be(tmp_path):
    """With what it comes to for those who come back; nothing is blocked for it."""
    block = "block", "client", "app", *WHY, "--for", "1h", "--escalate"
    assert run(tmp_path, *block, "--dry-run").stdout == "block client app for 1h: would be new\n"
    for _ in range(2):
        run(tmp_path, *block)
    told = run(tmp_path, *block, "--dry-run").stdout
    assert told.startswith("block client app for 4h (2 earlier within 30 days): would replace what ")
    assert len(taken(tmp_path)) == 2
