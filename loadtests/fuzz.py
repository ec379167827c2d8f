"""Fuzz every part that reads bytes from outside, guided by coverage: `python -m loadtests.fuzz`."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import click
import orjson

from loadtests.targets import ROOT, TARGETS

# Pieces of syntax that a fuzzer would take long to think of.
WORDS = (
    b"\r\n", b"\r\n\r\n", b"HTTP/1.1", b"HTTP/1.0", b"GET / ", b"Host: g\r\n", b"Content-Length: ",
    b"Connection: close\r\n", b"Transfer-Encoding: chunked\r\n", b"chunked", b"keep-alive", b"Expect: 100-continue\r\n",
    b"Upgrade: h2c\r\n", b"0\r\n\r\n", b"\r\n ", b"\t", b"\x0b", b"\x00", b"\x85", b"\xa0", b"\xe2\x80\xa8",
    b"\xf0\x9f", b"\\u0061", b"\\ud800", b"data: ", b"event: ", b": ", b"\n\n", b"for=", b"::ffff:", b"192.0.2.1",
    b"1e999", b"NaN", b"${KEY}", b"&a ", b"*a",
)  # fmt: skip
OPTIONS = ("-max_len=4096", "-timeout=10", "-rss_limit_mb=2048", "-print_final_stats=1", "-use_value_profile=1")
END_SECONDS = 60
CAUSE = "=== Uncaught Python exception"


class Run(NamedTuple):
    """One target's run: `found` are the files with inputs that break it, `said` the fuzzer's last words about them."""

    target: str
    seconds: float
    executions: int
    coverage: int
    found: tuple[str, ...]
    said: str


def _names(_context: click.Context, _option: click.Parameter, value: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in value.split(","))
    unknown = [name for name in names if name not in TARGETS]
    if unknown:
        raise click.BadParameter(f"{unknown[0]!r} is none of {', '.join(TARGETS)}")
    return names


@click.command(help=__doc__)
@click.option("--seconds", type=click.FloatRange(1), default=600, show_default=True, help="For all targets together.")
@click.option("--only", default=",".join(TARGETS), callback=_names, show_default=True, help="Targets, in this order.")
@click.option(
    "--dir",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(".fuzz"),
    show_default=True,
    help="Where inputs that reach something new are kept for the next run, and those that break something.",
)
@click.option(
    "--seed-dir",
    "seeds",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A folder with more inputs to begin with, in a folder for each target.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of lines.")
def main(seconds: float, only: tuple[str, ...], folder: Path, seeds: Path | None, as_json: bool) -> None:
    """Fuzz, say what came out, and end with 1 if anything was found."""
    if find_spec("atheris") is None:
        raise click.ClickException("atheris is not installed: `make fuzz` sets it up")
    runs = []
    for name in only:
        runs.append(_fuzz(name, seconds / len(only), (folder / name.replace(" ", "-")).resolve(), seeds))
        if not as_json:
            click.echo(_line(runs[-1]))
    if as_json:
        sys.stdout.buffer.write(orjson.dumps([run._asdict() for run in runs], option=orjson.OPT_APPEND_NEWLINE))
    sys.exit(any(run.found for run in runs))


def _fuzz(name: str, seconds: float, folder: Path, seeds: Path | None) -> Run:
    corpus, found = folder / "corpus", folder / "found"
    for place in (corpus, found):
        place.mkdir(parents=True, exist_ok=True)
    for seed in TARGETS[name].seeds:
        (corpus / hashlib.sha1(seed).hexdigest()).write_bytes(seed)
    words = folder / "words.dict"
    words.write_text("".join(f'"{_escaped(word)}"\n' for word in WORDS))
    more = [str(seeds / name)] if seeds is not None and (seeds / name).is_dir() else []
    options = (
        *OPTIONS,
        f"-max_total_time={max(round(seconds), 1)}",
        f"-dict={words}",
        f"-artifact_prefix={found}{os.sep}",
    )
    before = set(found.iterdir())
    started = time.monotonic()
    done = subprocess.run(
        (sys.executable, "-m", "loadtests.fuzzing", name, *options, str(corpus), *more),
        cwd=ROOT,
        capture_output=True,
        timeout=seconds + END_SECONDS,
        check=False,
    )
    said = (done.stdout + done.stderr).decode(errors="replace")
    new = tuple(sorted(str(path) for path in set(found.iterdir()) - before))
    if done.returncode != 0 and not new:
        raise click.ClickException(f"{name}: the fuzzer ended with {done.returncode}: {said[-2_000:]}")
    executions = re.search(r"number_of_executed_units: (\d+)", said)
    coverage = re.findall(r"cov: (\d+)", said)
    return Run(
        name,
        round(time.monotonic() - started, 1),
        int(executions[1]) if executions else 0,
        int(coverage[-1]) if coverage else 0,
        new,
        said[said.find(CAUSE) :][:2_000] if new else "",
    )


def _line(run: Run) -> str:
    line = f"{run.target}: {run.executions:,} inputs in {run.seconds:g} s, {run.coverage:,} branches"
    return line if not run.found else f"{line}; BROKEN by {', '.join(run.found)}\n{run.said}"


def _escaped(word: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in word)


if __name__ == "__main__":
    main()
