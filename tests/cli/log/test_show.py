"""`guard log show`."""

from click.testing import CliRunner

from guard.archive.manifest import manifest_of
from guard.cli import main
from guard.journal.folder import segments
from tests.cli.running import configure, exchange, record
from tests.support.sealing import delete, seal_all, write_log


def test_unknown_id_is_trouble(tmp_path):
    """An id that the journal does not have is told, with how to find one."""
    record(tmp_path, *exchange("id-01", 1))
    result = CliRunner().invoke(main, ["log", "show", "id-99", "--config", configure(tmp_path)])
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "guard: the journal has no exchange id-99; `guard log tail` lists the newest\n"


def test_what_was_deleted_is_told(tmp_path):
    """An exchange of a time whose records were deleted may have been among them."""
    write_log(tmp_path, [3, 3])
    seal_all(tmp_path)
    delete(segments(tmp_path, "w1")[0])
    at = manifest_of(segments(tmp_path, "w1")[0]).since or 0
    id_ = f"{int(at * 1000):09x}-00000001-1"
    result = CliRunner().invoke(main, ["log", "show", id_, "--journal", str(tmp_path)])
    assert result.exit_code == 1
    assert "records of its time were deleted (w1/0)" in result.stderr
