"""What a worker counts: plain numbers, which are cheap to add to and are read once a second; nothing that acts on them.

Counters only grow, over restarts too (`guard.custody.counts` keeps them). Times are seconds, sizes bytes. Every label
is a word of the guard's own or a name from the configuration: nothing that a client can make up.
"""

from __future__ import annotations

from bisect import bisect_left

from msgspec import Struct, field

OWN_SECONDS = (
    0.000_05, 0.000_1, 0.000_2, 0.000_3, 0.000_5, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0,
)  # fmt: skip
MODEL_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0)
LATE_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Histogram(Struct):
    """How many values were at most each of the `bounds`, and above the one before; the last count is the rest."""

    bounds: tuple[float, ...]
    counts: list[int]
    sum: float = 0.0

    def add(self, value: float) -> None:
        """Count a value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value


def histogram(*bounds: float) -> Histogram:
    """One in which nothing is counted yet."""
    return Histogram(bounds, [0] * (len(bounds) + 1))


class Gauges(Struct):
    """What is so now; of a worker that does not run any more it is nothing.

    Attributes:
        policy, measures: versions in force.
        lag: the most that the loop came late in the last minute.
        journal_lag: age of the oldest record that is not on disk.
        lease_seconds: how long the last ask to the store took.
        kept: records that wait until the journal can be written again.
        connections, exchanges, streams: open now; a WebSocket is a stream.
        running, waiting: requests in progress, and those that wait for a place.
        idle, busy, opening, wanted: connections to models, and requests that wait for one.
    """

    at: float = 0.0
    policy: int = 0
    measures: int = 0
    lag: float = 0.0
    journal_lag: float = 0.0
    lease_seconds: float = 0.0
    kept: int = 0
    healthy: bool = True
    connections: int = 0
    exchanges: int = 0
    streams: int = 0
    running: int = 0
    waiting: int = 0
    idle: int = 0
    busy: int = 0
    opening: int = 0
    wanted: int = 0


class Counts(Struct):
    """All that one worker has counted, and those that wrote its log before it.

    Attributes:
        requests: ended exchanges by model, version (empty: none was reached) and `end`.
        refusals: exchanges that were answered with an error of the guard's, by its code.
        findings: rules that matched, by target, mode and action.
        tokens: by model, version and ``input`` or ``output``, as models tell them.
        failures: tries that a model version did not answer, or with 429 or 5xx, by model and version.
        overhead: the guard's own time until the answer began; `upstream`: waiting for models; `first_byte`: until the
            answer began, of those that did; `late`: by how much the loop's sweep was late.
        asked, answered: bytes of bodies from clients and to them, those of WebSockets left out.
        messages: of WebSockets, by side.
        cut: open answers and sessions that ended because their caller was blocked.
        turned_away: connections that were one too many.
        records, bytes: what of the log is on disk, the latter since there is a guard that counts it.
        signable: so many records had the log a minute ago, which the keeper should have signed for by now.
        lost, lost_at: records that could not be written nor kept, and when that was seen last.
        reloads, reloads_failed, reloaded: readings of the configuration again, and when (seconds since the epoch) the
            last one was taken over.
        spans: by what became of them (``exported``, ``failed``, ``dropped``).
        leases: what was asked of the store, to spend of limits that nodes share, and what came of it, by its own words.
    """

    requests: dict[tuple[str, str, str], int] = field(default_factory=dict)
    refusals: dict[str, int] = field(default_factory=dict)
    findings: dict[tuple[str, str, str], int] = field(default_factory=dict)
    tokens: dict[tuple[str, str, str], int] = field(default_factory=dict)
    failures: dict[tuple[str, str], int] = field(default_factory=dict)
    overhead: Histogram = field(default_factory=lambda: histogram(*OWN_SECONDS))
    upstream: Histogram = field(default_factory=lambda: histogram(*MODEL_SECONDS))
    first_byte: Histogram = field(default_factory=lambda: histogram(*MODEL_SECONDS))
    late: Histogram = field(default_factory=lambda: histogram(*LATE_SECONDS))
    asked: int = 0
    answered: int = 0
    messages: dict[str, int] = field(default_factory=dict)
    cut: int = 0
    turned_away: int = 0
    records: int = 0
    bytes: int = 0
    signable: int = 0
    lost: int = 0
    lost_at: float = 0.0
    reloads: int = 0
    reloads_failed: int = 0
    reloaded: float = 0.0
    spans: dict[str, int] = field(default_factory=dict)
    leases: dict[str, int] = field(default_factory=dict)
    now: Gauges = field(default_factory=Gauges)

    @property
    def ended(self) -> int:
        """How many exchanges there were."""
        return sum(self.requests.values())
