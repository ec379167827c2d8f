"""Exchanges as rows."""

import builtins
import re
from pathlib import Path

import orjson
import pytest

from guard.evidence import table
from guard.evidence.joining import join
from guard.evidence.table import NAMES, MissingExtraError, Rows, schema
from tests.evidence.made import outcome
from tests.support.journals import exchange

FINDING = {"rule": "r", "target": "prompt", "mode": "shadow", "action": "block"}


def rows(*exchanges, wanted=None):
    """Their rows as plain values."""
    gather = Rows(wanted)
    for one in exchanges:
        gather.add(one)
    return gather.take().to_pylist()


def test_row():
    """A row has what an exchange has, in columns of fixed types, and the whole of it as JSON."""
    start, end = exchange("a", 1_500.5)
    whole = join([{**start, "findings": [FINDING]}, end])
    [row] = rows(whole)
    assert tuple(row) == NAMES
    assert row["began"].timestamp() == 1_500.5
    assert (row["outcome"], row["status"], row["version"]) == ("complete", 200, "v2")
    assert (row["prompt"], row["output"], row["rules"]) == (["Hello?"], ["Hello!"], ["r"])
    assert row["findings"] == [FINDING]
    assert row["attempts"] == whole["attempts"]
    assert (row["total_tokens"], row["cached_tokens"], row["overhead_us"]) == (2, None, 200)
    assert orjson.loads(row["exchange"]) == whole


def test_what_is_not_known_is_null():
    """An exchange that lacks nearly everything is a row all the same; numbers beyond all measure are none."""
    [row] = rows(join([outcome("c", response={}, timings={"total_us": 1e300})]))
    assert {row[name] for name in ("began", "client", "route", "path", "status", "total_us", "total_tokens")} == {None}


def test_only_wanted_columns_are_made():
    """The others are there, and null."""
    [row] = rows(join(exchange("a")), wanted={"id"})
    assert {name for name, value in row.items() if value is not None} == {"id"}
    assert rows() == []


def test_schema_is_what_was_promised():
    """Names and types of columns do not change."""
    types = {field.name: str(field.type) for field in schema()}
    assert list(types) == list(NAMES)
    assert types["began"] == "timestamp[us, tz=UTC]"
    assert types["prompt"].startswith("list<")
    assert types["status"] == "int64"


def test_missing_library_is_told(monkeypatch):
    """Without pyarrow the error says which extra to install."""
    usual = builtins.__import__

    def without(name, *rest):
        if name == "pyarrow":
            raise ImportError
        return usual(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtraError, match=r"pip install 'guard-gateway\[analysis\]'"):
        table.arrow()


def test_columns_are_documented():
    """docs/evidence.md lists every column, and no other."""
    text = (Path(__file__).parent.parent.parent / "docs" / "evidence.md").read_text()
    rows = re.findall(r"^\| (`.*?) \|", text.partition("## The table")[2].partition("\n## ")[0], re.MULTILINE)
    assert re.findall(r"`(\w+)`", " ".join(rows)) == list(NAMES)
