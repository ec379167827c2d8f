"""SQL over a journal: DuckDB asks, and the journal is read as it goes.

The database is in memory and cut off: no files, no network, no extensions, and none of Python's variables; what may be
set is set and locked. It is never given the journal's files, for what counts in them only our reader knows. A question
is explained first, to see which columns it needs and how often the table is scanned: once, and rows are streamed
through; more often, and those columns are put into a table in memory first.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from guard.evidence.filters import Filters
from guard.evidence.note import Note
from guard.evidence.scan import Progress, Scan
from guard.evidence.table import NAMES, MissingExtraError, Rows, arrow, missing, schema

TABLE = "exchanges"
MEMORY = "2GB"

_SETTINGS = {
    "temp_directory": "''",  # what does not fit into memory is an error, not a file with prompts in it
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_community_extensions": "false",
    "python_enable_replacements": "false",
    "enable_external_access": "false",
    "TimeZone": "'UTC'",
}


class QueryError(Exception):
    """The question cannot be answered; the message says why."""


class Answer(NamedTuple):
    """Names of columns, and the rows."""

    columns: list[str]
    rows: Iterator[tuple[Any, ...]]


class _Feed:
    """What DuckDB reads from; keeps what ended the reading before its time."""

    def __init__(self) -> None:
        self.batches: Iterator[Any] = iter(())
        self.error: BaseException | None = None

    def run(self) -> Iterator[Any]:
        try:
            yield from self.batches
        except GeneratorExit:  # nobody wants any more
            raise
        except BaseException as error:
            self.error = error
            raise


def ask(
    journal: Path,
    query: str,
    filters: Filters,
    *,
    note: Note,
    progress: Progress | None = None,
    memory: str = MEMORY,
) -> Answer:
    """Put one SELECT to a journal's table `exchanges`, which has the exchanges that the filters let through.

    Raises:
        QueryError: it is no such statement, it is wrong, or it needs more than `memory`.
        MissingExtraError: a library is missing.
        FilterError: a filter means nothing.
    """
    duckdb = _duckdb()
    connection = _connect(duckdb, memory)
    feed = _Feed()
    try:
        _check(duckdb, connection, query)
        connection.register(TABLE, schema().empty_table())
        connection.sql(query)  # only looked at yet; what is wrong with it is told where it stands in it
        scans = _scans(connection, query)
        make = partial(Rows, frozenset(name for columns in scans for name in columns))
        if scans:
            feed.batches = Scan(journal, filters, make, note=note, progress=progress).run()
        _fill(connection, arrow().RecordBatchReader.from_batches(schema(), feed.run()), whole=len(scans) > 1)
        rows = arrow().RecordBatchReader.from_stream(connection.sql(query))
    except BaseException as error:
        connection.close()
        raise _meant(duckdb, error, feed) from None
    return Answer(list(rows.schema.names), _rows(duckdb, connection, rows, feed))


def _fill(connection: Any, reader: Any, *, whole: bool) -> None:
    """Let the table have the exchanges: streamed through once, or (`whole`) all in memory."""
    connection.unregister(TABLE)
    if whole:
        connection.register("source", reader)
        connection.execute(f"CREATE TABLE {TABLE} AS SELECT * FROM source")  # noqa: S608  our own words
    else:
        connection.register(TABLE, reader)


def _connect(duckdb: Any, memory: str) -> Any:
    connection = duckdb.connect(":memory:")
    try:
        connection.execute(f"SET memory_limit = '{memory.replace(chr(39), '')}'")
    except duckdb.Error as error:
        raise QueryError(_words(error)) from None
    for name, value in _SETTINGS.items():
        connection.execute(f"SET {name} = {value}")
    connection.execute("SET lock_configuration = true")
    return connection


def _check(duckdb: Any, connection: Any, query: str) -> None:
    statements = connection.extract_statements(query)
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        raise QueryError("expected one SELECT; the table is called exchanges")


def _scans(connection: Any, query: str) -> list[list[str]]:
    """The columns that each scan of the table needs."""
    [(_, plan)] = connection.execute(f"EXPLAIN (FORMAT JSON) {query}").fetchall()
    return [columns for node in json.loads(plan) for columns in _scans_in(node)]


def _scans_in(node: dict[str, Any]) -> Iterator[list[str]]:
    if "ARROW_SCAN" in node["name"]:
        columns = node.get("extra_info", {}).get("Projections", list(NAMES))
        yield [columns] if isinstance(columns, str) else columns
    for child in node.get("children", ()):
        yield from _scans_in(child)


def _rows(duckdb: Any, connection: Any, rows: Any, feed: _Feed) -> Iterator[tuple[Any, ...]]:
    try:
        for batch in rows:
            yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)
    except Exception as error:
        raise _meant(duckdb, error, feed) from None
    finally:
        connection.close()


def _meant(duckdb: Any, error: BaseException, feed: _Feed) -> BaseException:
    """What went wrong: what ended the reading of the journal, for that comes wrapped up, or what DuckDB says."""
    if feed.error is not None:
        return feed.error
    return QueryError(_words(error)) if isinstance(error, duckdb.Error | arrow().ArrowException) else error


def _words(error: BaseException) -> str:
    """What went wrong; an error always says something."""
    return "\n".join(line for line in str(error).split("\n") if line.strip()) or type(error).__name__


def _duckdb() -> Any:
    arrow()
    try:
        import duckdb
    except ImportError:
        raise MissingExtraError(missing("duckdb")) from None
    return duckdb
