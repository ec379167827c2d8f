"""`guard log show`."""

from click.testing import CliRunner

from guard.cli import main
from tests.cli.running import configure, exchange, record


def test_unknown_id_is_trouble(tmp_path):
    """An id that the journal does not have is told, with how to find one."""
    record(tmp_path, *exchange("id-01", 1))
    result = CliRunner().invoke(main, ["log", "show", "id-99", "--config", configure(tmp_path)])
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "guard: the journal has no exchange id-99; `guard log tail` lists the newest\n"
