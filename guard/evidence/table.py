"""Exchanges as rows of a table with typed columns: that of an export to Parquet, and that of `guard log sql`.

Columns are added at the end; none that is there changes its meaning or type. Names that SQL has a use for (`at`, `end`)
are others here. The extra `analysis` has what makes them.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

if TYPE_CHECKING:
    import pyarrow

MOST = 2**62
MICROSECONDS = 1_000_000

Exchange = dict[str, Any]


class MissingExtraError(Exception):
    """A library of an extra is not installed; the message says how to install it."""


class Column(NamedTuple):
    """A name, the type that pyarrow knows it under, and where its values come from."""

    name: str
    type: str
    value: Callable[[Exchange], Any]


def _own(name: str, type: str = "string") -> Column:
    return Column(name, type, lambda exchange: exchange[name])


def _of_client(name: str, column: str | None = None) -> Column:
    return Column(column or name, "string", lambda exchange: (exchange["client"] or {}).get(name))


def _of_request(name: str) -> Column:
    return Column(name, "string", lambda exchange: (exchange["request"] or {}).get(name))


def _number(name: str, part: str) -> Column:
    def value(exchange: Exchange) -> int | None:
        found = (exchange[part] or {}).get(name)
        return int(found) if found is not None and abs(found) <= MOST else None

    return Column(name, "int64", value)


def _at(exchange: Exchange) -> int | None:
    return round(exchange["at"] * MICROSECONDS) if exchange["at"] is not None else None


def _rules(exchange: Exchange) -> list[str]:
    return [finding["rule"] for finding in exchange["findings"] if finding.get("rule") is not None]


COLUMNS = (
    _own("id"),
    Column("began", "time", _at),
    _of_client("address"),
    _of_client("key"),
    _of_client("certificate"),
    _of_client("account"),
    _of_client("name", "client"),
    _own("route"),
    _own("model"),
    _own("version"),
    _own("policy", "int64"),
    _of_request("method"),
    _of_request("path"),
    _own("prompt", "texts"),
    _own("output", "texts"),
    Column("status", "int64", lambda exchange: exchange["response"].get("status")),
    Column("outcome", "string", lambda exchange: exchange["end"]),
    _own("reason"),
    Column("rules", "texts", _rules),
    _own("findings", "findings"),
    _own("attempts", "attempts"),
    *(_number(name, "usage") for name in ("input_tokens", "output_tokens", "total_tokens", "cached_tokens")),
    *(_number(name, "timings") for name in ("total_us", "upstream_us", "overhead_us", "first_byte_us")),
    Column("exchange", "string", lambda exchange: orjson.dumps(exchange).decode()),
    _of_client("session"),
)

NAMES = tuple(column.name for column in COLUMNS)


def schema() -> pyarrow.Schema:
    """The table's schema.

    Raises:
        MissingExtraError: pyarrow is not installed.
    """
    pa = arrow()
    texts = pa.list_(pa.string())
    types = {
        "string": pa.string(),
        "int64": pa.int64(),
        "time": pa.timestamp("us", tz="UTC"),
        "texts": texts,
        "findings": pa.list_(pa.struct([(name, pa.string()) for name in ("rule", "target", "mode", "action")])),
        "attempts": pa.list_(
            pa.struct([("version", pa.string()), ("status", pa.int64()), ("error", pa.string()), ("ms", pa.float64())])
        ),
    }
    return pa.schema([(column.name, types[column.type]) for column in COLUMNS])


class Rows:
    """Gathers exchanges as a record batch. Of columns that are not among `wanted` (None: all are) it has no values."""

    def __init__(self, wanted: Collection[str] | None = None) -> None:
        self._columns = [column for column in COLUMNS if wanted is None or column.name in wanted]
        self._values: list[list[Any]] = [[] for _ in self._columns]
        self._count = 0

    def add(self, exchange: Exchange) -> None:
        """Add a row."""
        self._count += 1
        for column, values in zip(self._columns, self._values, strict=True):
            values.append(column.value(exchange))

    def take(self) -> pyarrow.RecordBatch:
        """The rows."""
        pa, types = arrow(), schema()
        found = dict(zip((column.name for column in self._columns), self._values, strict=True))
        arrays = [
            pa.array(found[field.name], field.type) if field.name in found else pa.nulls(self._count, field.type)
            for field in types
        ]
        return pa.RecordBatch.from_arrays(arrays, schema=types)


def arrow() -> Any:
    """The library pyarrow.

    Raises:
        MissingExtraError: it is not installed.
    """
    try:
        import pyarrow
    except ImportError:
        raise MissingExtraError(missing("pyarrow")) from None
    return pyarrow


def missing(library: str) -> str:
    """How to get what is not there."""
    return f"{library} is not installed; get it with: {sys.executable} -m pip install 'guard-gateway[analysis]'"
