"""The options that filter."""

import pytest
from click.testing import CliRunner

from guard.cli import main
from tests.cli.running import exchange, record


def search(folder, *arguments):
    """Run a command with filters."""
    return CliRunner().invoke(main, ["log", "search", *arguments, "--journal", str(folder / "var" / "journal")])


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        ((), ["id-1", "id-2"]),
        (("hello",), ["id-1"]),
        (("HELLO", "-i"), ["id-1"]),
        (("^h.llo$", "--regex"), ["id-1"]),
        (("",), ["id-1", "id-2"]),
        (("--client", "web", "--account", "acme", "--address", "192.0.2.0/24"), ["id-1", "id-2"]),
        (
            ("--route", "/v1/", "--model", "chat", "--version", "v1", "--status", "2xx", "--end", "complete"),
            ["id-1", "id-2"],
        ),
        (("--rule", "r", "--id", "id-1"), []),
        (("--rule", "r", "--rule", "r-2"), ["id-2"]),
        (("--reason", "why"), []),
        (("--since", "1970-01-01T00:00:02", "--until", "1970-01-02"), ["id-2"]),
        (("--since", "1h"), []),
        (("--log", "w1", "--end", "complete", "--end", "open"), ["id-1", "id-2"]),
    ],
)
def test_filters(tmp_path, arguments, found):
    """Each option filters, and all of them must let an exchange through."""
    finding = {"rule": "r-2", "target": "prompt", "mode": "shadow", "action": "block"}
    record(tmp_path, *exchange("id-1", 1), *exchange("id-2", 2, prompt=["other"], findings=[finding]))
    lines = search(tmp_path, *arguments).stdout.splitlines()
    assert [line.split("  ")[1] for line in lines] == found


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("(", "--regex"), 2, "this is no regular expression"),
        (("--address", "home"), 2, "expected one such as 203.0.113.9"),
        (("--status", "ok"), 2, "expected one such as 503"),
        (("--end", "done"), 2, "expected one of complete, refused, client_disconnected"),
        (("--since", "1h", "--until", "2h"), 2, "--since is the later one"),
        (("--log", "w2"), 1, "there are no exchanges in a log 'w2'; expected one of w1"),
        (("--since", "soon"), 2, "expected 30s, 15m, 2h"),
    ],
)
def test_meaningless_filters_are_trouble(tmp_path, arguments, code, words):
    """A filter that means nothing is one line of trouble."""
    record(tmp_path, *exchange("id-1", 1))
    result = search(tmp_path, *arguments)
    assert result.exit_code == code
    assert words in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_catastrophic_expression_is_trouble(tmp_path):
    """An expression that would take years ends with one line of trouble."""
    record(tmp_path, *exchange("id-1", 1, prompt=["a" * 40 + "b"]))
    result = search(tmp_path, "(a+)+$", "--regex")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "takes more than 2 seconds over id-1" in result.stderr
