"""Exports."""

import hashlib

import orjson
import pytest

from guard.evidence import export as module
from guard.evidence.export import export
from guard.evidence.filters import Filters
from guard.evidence.reader import exchanges
from guard.evidence.table import schema
from tests.support.journals import Log, exchange


@pytest.fixture
def journal(tmp_path):
    """A log of five exchanges, one of them across segments."""
    log = Log(tmp_path / "journal")
    for number in range(4):
        log.add(*exchange(f"id-{number}", 1_000.0 + number))
    start, end = exchange("id-4", 1_004)
    log.add(start)
    log.rotate()
    log.add(end)
    return log.journal


def exported(journal, output, form="jsonl", filters=None, record=lambda _: None):
    """Export into a file."""
    return export(journal, filters or Filters(), form, output, record, note=print)


def test_json_lines(journal, tmp_path):
    """Each line is a whole exchange, and the file is what is told of it."""
    output = tmp_path / "out.jsonl"
    told = exported(journal, output)
    data = output.read_bytes()
    assert (told.exchanges, told.bytes, told.sha256) == (5, len(data), hashlib.sha256(data).hexdigest())
    found = {one["id"]: one for one in map(orjson.loads, data.splitlines())}
    assert found == {one["id"]: one for one in exchanges(journal)}
    assert output.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("size", [1, 10**9])
def test_parquet(journal, tmp_path, monkeypatch, size):
    """The table has the promised schema and a row for each exchange, in row groups of bounded size."""
    from pyarrow import parquet

    monkeypatch.setattr(module, "ROW_GROUP_BYTES", size)
    told = exported(journal, tmp_path / "out.parquet", "parquet", Filters(since=1_001.0))
    file = parquet.ParquetFile(tmp_path / "out.parquet")
    assert file.schema_arrow.equals(schema())
    assert sorted(file.read().column("id").to_pylist()) == ["id-1", "id-2", "id-3", "id-4"]
    assert told.exchanges == 4


def test_nothing_makes_an_empty_table(journal, tmp_path):
    """Where nothing matches the file is there, with the schema and no rows."""
    from pyarrow import parquet

    exported(journal, tmp_path / "out.parquet", "parquet", Filters(text="nowhere"))
    assert parquet.read_table(tmp_path / "out.parquet").num_rows == 0


def test_nothing_is_replaced(journal, tmp_path):
    """A file that is there stays as it is, also one that came meanwhile."""
    output = tmp_path / "out"
    with pytest.raises(FileExistsError):
        exported(journal, output, record=lambda _: output.write_text("mine"))
    with pytest.raises(FileExistsError, match="is not replaced"):
        exported(journal, output)
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["out"]
    assert output.read_text() == "mine"


def test_what_was_not_recorded_is_not_there(journal, tmp_path):
    """If the export cannot be written down, no file is left, whole or in part."""

    def record(_):
        raise OSError("full")

    with pytest.raises(OSError, match="full"):
        exported(journal, tmp_path / "out", record=record)
    assert [path for path in tmp_path.iterdir() if path.is_file()] == []
