"""A journal, tampered with again and again: each time it must be found, and the right record named.

`python -m loadtests.tampering`."""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import click
import orjson

from guard.evidence.verify import Outside, Report, outside, verify
from loadtests.specimen import Specimen, specimen
from loadtests.tampered import Case, Expected, Tampering
from loadtests.tampered_files import FILES
from loadtests.tampered_records import RECORDS

TAMPERINGS = (*RECORDS, *FILES)
SHOWN = 10


@click.command(help=__doc__)
@click.option("--count", type=click.IntRange(1), default=1_000, show_default=True, help="How many tamperings.")
@click.option("--records", type=click.IntRange(200), default=3_000, show_default=True, help="About how many there are.")
@click.option("--seed", type=int, default=1, show_default=True, help="The same tamperings again.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of lines.")
def main(count: int, records: int, seed: int, as_json: bool) -> None:
    """Make a journal, tamper with a copy of it `count` times, and end with 1 if anything was not found."""
    with tempfile.TemporaryDirectory(prefix="tampering-") as folder:
        report = run(Path(folder), count, records, seed)
    if as_json:
        sys.stdout.buffer.write(orjson.dumps(report, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    else:
        _print(report)
    sys.exit(bool(report["misses"]))


def run(folder: Path, count: int, records: int, seed: int) -> dict[str, Any]:
    """All of it; `misses` says what was not found, or not where it was done."""
    made = specimen(folder / "journal", records, seed)
    kept = outside("kept", made.kept)
    whole = verify(made.journal, made.keys, kept)
    misses = [f"untouched: {problem}" for problem in whole.problems]
    began, done = time.monotonic(), Counter[str]()
    draw = 0
    while done.total() < count:
        tampering = TAMPERINGS[done.total() % len(TAMPERINGS)]
        rng = Random(f"{seed}/{draw}")
        draw += 1
        expected, found = _tamper(folder / "copy", made, tampering, rng, kept)
        if not expected:
            continue  # these dice would have changed nothing
        done[tampering.__name__] += 1
        misses += [f"{tampering.__name__}, {seed}/{draw - 1}: {miss}" for miss in _misses(expected, found)]
    return {
        "records": sum(log.records for log in whole.logs),
        "tamperings": done.total(),
        "kinds": dict(sorted(done.items())),
        "seconds": round(time.monotonic() - began, 1),
        "misses": misses,
    }


def _tamper(
    copy: Path, made: Specimen, tampering: Tampering, rng: Random, kept: list[Outside]
) -> tuple[list[Expected], Report]:
    shutil.copytree(made.journal, copy)
    try:
        expected = tampering(Case(copy, made, rng))
        return expected, verify(copy, made.keys, kept)
    finally:
        shutil.rmtree(copy)


def _misses(expected: list[Expected], found: Report) -> list[str]:
    """What is not told as it should be."""
    misses = []
    for log, first, last in expected:
        problem = next((one for one in found.problems if one.log == log), None)
        if problem is None:
            misses.append(f"{log}: nothing was found")
        elif first is not None and last is not None and not (problem.seq is not None and first <= problem.seq <= last):
            which = f"{first}" if first == last else f"{first} to {last}"
            misses.append(f"{log}: record {which} should be named, and not: {problem}")
    return misses


def _print(report: dict[str, Any]) -> None:
    click.echo("{tamperings:,} tamperings with a journal of {records:,} records, in {seconds} s".format(**report))
    for kind, count in report["kinds"].items():
        click.echo(f"  {kind.replace('_', ' '):24} {count:6}")
    for miss in report["misses"][:SHOWN]:
        click.echo(f"  MISSED {miss}")
    click.echo(f"{len(report['misses'])} misses")


if __name__ == "__main__":
    main()
