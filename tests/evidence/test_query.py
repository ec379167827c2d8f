"""SQL over journals."""

import builtins
import re
from pathlib import Path

import pytest

from guard.evidence import query as module
from guard.evidence.filters import Filters
from guard.evidence.query import QueryError, ask
from guard.evidence.table import NAMES, MissingExtraError
from tests.support.journals import Log, exchange
from tests.support.sealing import seal_all

OPERATING = (Path(__file__).parent.parent.parent / "docs" / "operating.md").read_text()


@pytest.fixture
def journal(tmp_path):
    """A sealed segment, one with records that were written again, and one that is being written."""
    log = Log(tmp_path)
    log.add(*(line for number in range(4) for line in exchange(f"id-{number}", 1_000.0 + number)))
    log.rotate()
    log.add(*exchange("again", 1_004))
    log.rotate(back=1, why="failure")
    log.add(exchange("again")[1], *exchange("open", 1_005)[:1])
    assert len(seal_all(tmp_path)) == 2
    return tmp_path


def answer(journal, query, **options):
    """All rows."""
    return list(ask(journal, query, Filters(**options), note=print).rows)


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ("select count(*) from exchanges", [(6,)]),
        ("select outcome, count(*) from exchanges group by 1 order by 2", [(None, 1), ("complete", 5)]),
        ("select a.id from exchanges a join exchanges b using (id) where b.outcome is null", [("open",)]),
        ("with t as (select max(began) m from exchanges) select id from exchanges, t where began = m", [("open",)]),
        ("select id from exchanges where list_contains(prompt, 'Hello?') order by id limit 1", [("again",)]),
        ("select extract(epoch from min(began)) from exchanges", [(1_000.0,)]),
        ("select json_extract_string(exchange, '$.request.method') from exchanges where id = 'id-1'", [("POST",)]),
        ("select id from exchanges where id in (select max(id) from exchanges)", [("open",)]),
        ("from exchanges select status where version is null", [(None,)]),
        ("select 1", [(1,)]),
    ],
)
def test_questions(journal, query, rows):
    """Each exchange counts once, from sealed and plain segments, however often the table is named."""
    assert answer(journal, query) == rows


@pytest.mark.parametrize("name", NAMES)
def test_every_column_has_a_plain_name(journal, name):
    """No column's name is a word of SQL that would need quotes."""
    assert len(answer(journal, f"select {name}, max({name}) from exchanges where id = 'id-1' group by {name}")) == 1


def test_star_has_the_columns_of_an_export(journal):
    """All columns, in their order."""
    assert ask(journal, "select * from exchanges", Filters(), note=print).columns == list(NAMES)


@pytest.mark.parametrize("query", re.findall(r'guard log sql "(.*?)"', OPERATING, re.DOTALL))
def test_documented_questions(journal, query):
    """Each query in docs/operating.md can be asked."""
    assert isinstance(answer(journal, query), list)


def test_time_and_log_bound_it(journal):
    """Only exchanges of the time and the log are in the table."""
    assert answer(journal, "select count(*) from exchanges", since=1_004.0) == [(2,)]
    assert answer(journal, "select count(*) from exchanges", since=1_004.0, log=("w1",)) == [(2,)]


@pytest.mark.parametrize(
    "query",
    [
        "select * from read_csv('/etc/passwd')",
        "select * from read_text('/etc/passwd')",
        "select * from glob('/etc/*')",
        "select * from '/etc/passwd'",
        "select * from '{journal}/w1/*.jsonl'",
        "select * from 'https://example.com/x.parquet'",
        "select * from journal",
        "select getenv('HOME')",
        "copy exchanges to '/tmp/stolen.csv'",
        "copy (select 1) to '/tmp/stolen.csv'",
        "attach '/tmp/stolen.db'",
        "install httpfs",
        "load httpfs",
        "set enable_external_access = true",
        "pragma database_list",
        "create table t as select 1",
        "insert into exchanges values (1)",
        "export database '/tmp/stolen'",
        "select 1; select 2",
        "selec",
        "select nothing from exchanges",
        "select error('told') from exchanges",
        "",
    ],
)
def test_everything_else_is_refused(journal, query):
    """No files, no network, no extensions, no settings, no statement but one SELECT: an error in words."""
    with pytest.raises(QueryError):
        answer(journal, query.replace("{journal}", str(journal)))


def test_trouble_is_told_where_it_is_in_the_question(journal):
    """The message shows the words as they were given."""
    with pytest.raises(QueryError, match=r"nothing.*not found") as caught:
        answer(journal, "select nothing from exchanges")
    assert "EXPLAIN" not in str(caught.value)


def test_trouble_with_reading_is_told_as_it_is(journal, monkeypatch):
    """What ends the reading of the journal is not wrapped into words of DuckDB's."""

    def fails(*_):
        raise OSError("the disk is gone")

    monkeypatch.setattr("guard.evidence.scan.Scan.run", fails)
    with pytest.raises(OSError, match="the disk is gone"):
        answer(journal, "select count(*) from exchanges")


def test_memory_is_bounded(journal):
    """A question that needs more than it may have ends in words."""
    with pytest.raises(QueryError, match=r"[Mm]emory"):
        list(ask(journal, "select list(i) from range(10000000) t(i)", Filters(), note=print, memory="20MB").rows)
    with pytest.raises(QueryError):
        ask(journal, "select 1", Filters(), note=print, memory="much")


def test_missing_library_is_told(monkeypatch):
    """Without DuckDB the error says which extra to install."""
    usual = builtins.__import__

    def without(name, *rest):
        if name == "duckdb":
            raise ImportError
        return usual(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtraError, match="duckdb is not installed"):
        module._duckdb()
