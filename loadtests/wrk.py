"""One run of wrk, the load generator, and what it measured."""

from __future__ import annotations

import subprocess
from pathlib import Path
from shutil import which
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence

HERE = Path(__file__).parent
PROMPT = HERE / "prompt.json"
SCRIPT = HERE / "wrk.lua"


class WrkError(Exception):
    """wrk is missing, did not run, or saw a request fail."""


class Sample(msgspec.Struct, frozen=True):
    """What one run measured: latencies are microseconds; `errors` counts statuses from 400 and socket errors."""

    requests: int
    seconds: float
    errors: int
    p50_us: int
    p99_us: int

    @property
    def rate(self) -> float:
        """Requests answered a second."""
        return self.requests / self.seconds


def command() -> str:
    """Where wrk is.

    Raises:
        WrkError: it is not on PATH.
    """
    found = which("wrk")
    if found is None:
        raise WrkError("wrk is not on PATH: install it (apt install wrk, brew install wrk) and run this again")
    return found


def run(url: str, *, connections: int, seconds: int, core: int) -> Sample:
    """Keep `connections` requests under way at `url` for so many `seconds`, from one thread on one core.

    Raises:
        WrkError: wrk did not run to its end, or any request failed.
    """
    words: Sequence[str | Path] = (
        *("taskset", "--cpu-list", str(core), command(), "-t1", f"-c{connections}", f"-d{seconds}s"),
        *("--script", SCRIPT, url, "--", PROMPT),
    )
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise WrkError(f"wrk ended with {done.returncode}: {(done.stderr or done.stdout).strip()}")
    return read(done.stdout)


def read(output: str) -> Sample:
    """The sample on the last line of what wrk printed.

    Raises:
        WrkError: there is none, or requests failed.
    """
    lines = output.strip().splitlines() or [""]
    try:
        sample = msgspec.json.decode(lines[-1], type=Sample)
    except msgspec.DecodeError as error:
        raise WrkError(f"wrk printed {lines[-1]!r} where its result was expected: {error}") from None
    if sample.errors:
        raise WrkError(f"{sample.errors} of {sample.requests} requests failed, by status or by socket")
    return sample
