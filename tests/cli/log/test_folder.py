"""Where commands look for the journal."""

from click.testing import CliRunner

from guard.cli import main
from tests.cli.running import CONFIG, configure, exchange, record


def tail(*arguments):
    """Run a command that reads the journal."""
    return CliRunner().invoke(main, ["log", "tail", *map(str, arguments)])


def test_no_journal_is_trouble(tmp_path):
    """Where no guard has run yet, the error says what begins a journal."""
    result = tail("--config", configure(tmp_path))
    assert result.exit_code == 1
    assert result.stderr == f"guard: there is no journal at {tmp_path}/var/journal; `guard serve` begins one\n"


def test_keys_are_not_needed(tmp_path):
    """Keys that the environment should hold are not needed to find the journal."""
    record(tmp_path, *exchange("id-1"))
    path = configure(tmp_path, CONFIG + 'clients: {web: {key: "${NO_SUCH_KEY}"}}\n')
    assert "id-1" in tail("--config", path).stdout


def test_folder_needs_no_configuration(tmp_path, monkeypatch):
    """With --journal there need be no configuration."""
    record(tmp_path, *exchange("id-1"))
    monkeypatch.chdir(tmp_path)
    assert "id-1" in tail("--journal", "var/journal").stdout
    result = tail("--journal", "nowhere")
    assert result.exit_code == 1
    assert result.stderr == "guard: there is no journal at nowhere; expected a folder with folders w1, w2, … in it\n"


def test_a_folder_without_logs_is_no_journal(tmp_path):
    """Of another folder nothing is told, also not that it is sound; one whose log is gone still has its lock file."""
    record(tmp_path, *exchange("id-1"))
    for folder in (tmp_path, tmp_path / "var" / "journal" / "w1"):
        for command in ("tail", "search", "stats", "verify"):
            result = CliRunner().invoke(main, ["log", command, "--journal", str(folder)])
            assert (result.exit_code, result.stdout) == (1, "")
            assert "there is no journal at" in result.stderr
    (tmp_path / "w1.lock").touch()
    result = CliRunner().invoke(main, ["log", "verify", "--journal", str(tmp_path)])
    assert "the whole log is missing" in result.stdout


def test_addresses_that_are_secrets_are_not_needed(tmp_path):
    """Nor are those of a store and of a witness, which the environment holds too."""
    record(tmp_path, *exchange("id-1"))
    keepers = 'journal: {ship: {redis: {url: "${NO_SUCH}"}}, witnesses: [{url: "${NO_SUCH}"}]}\n'
    assert "id-1" in tail("--config", configure(tmp_path, CONFIG + keepers)).stdout
