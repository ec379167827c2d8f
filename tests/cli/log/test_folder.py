"""Where commands look for the journal."""

from click.testing import CliRunner

from guard.cli import main
from tests.cli.running import configure


def test_no_journal_is_trouble(tmp_path):
    """Where no guard has run yet, the error says what begins a journal."""
    result = CliRunner().invoke(main, ["log", "tail", "--config", configure(tmp_path)])
    assert result.exit_code == 1
    assert result.stderr == f"guard: there is no journal at {tmp_path}/var/journal; `guard serve` begins one\n"
