"""`guard serve`."""

import socket

import httpx
import pytest
from click.testing import CliRunner

from guard.cli import main
from tests.cli.running import CONFIG, RULE, configure, first_line, guard, started


@pytest.mark.parametrize("workers", ["1", "2"])
def test_serving(tmp_path, workers):
    """The guard says where it listens, answers there, and ends well when it is told to stop."""
    with started("serve", "--json", "--workers", workers, "--config", configure(tmp_path)) as process:
        url = first_line(process)["listening"]
        with httpx.Client(transport=httpx.HTTPTransport(retries=5), timeout=20) as client:
            assert client.get(f"{url}/healthz").status_code == 200
        process.terminate()
        assert process.wait(20) in (0, -15)


def test_broken_rules_are_told(tmp_path):
    """The guard does not start with rules that have errors; each is a line."""
    path = configure(tmp_path, rule=RULE.replace("high", "hihg"))
    result = CliRunner().invoke(main, ["serve", "--config", path])
    assert (result.exit_code, result.stdout) == (1, "")
    assert "inj-0001" in result.stderr


def test_address_in_use_is_one_line(tmp_path):
    """An address that is taken is trouble, in one line."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        place = f"127.0.0.1:{taken.getsockname()[1]}"
        result = guard("serve", "--config", configure(tmp_path, CONFIG.replace("127.0.0.1:0", place)))
    assert (result.returncode, result.stdout, result.stderr.count("\n")) == (1, "", 1)
    assert place in result.stderr


def test_workers_are_counted(tmp_path):
    """No worker at all is a wrong command line."""
    result = CliRunner().invoke(main, ["serve", "--workers", "0", "--config", configure(tmp_path)])
    assert result.exit_code == 2
