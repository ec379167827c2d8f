"""What workers count, as Prometheus' families: sums over all workers, so that none goes back when one starts anew."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import accumulate
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from guard.counts import Counts, Gauges, Histogram


def counter(name: str, text: str, value: float) -> CounterMetricFamily:
    """A counter without labels."""
    return CounterMetricFamily(name, text, value=value)


def gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    """A gauge without labels."""
    return GaugeMetricFamily(name, text, value=value)


def gauges(name: str, text: str, label: str, values: Mapping[str, float]) -> GaugeMetricFamily:
    """A gauge for each value of a label."""
    family = GaugeMetricFamily(name, text, labels=[label])
    for value, number in values.items():
        family.add_metric([value], number)
    return family


def counted(all: Iterable[Counts]) -> Iterator[Metric]:
    """The counters and histograms of all workers there have ever been."""
    every = list(all)
    for name, text, labels, of in LABELLED:
        family = CounterMetricFamily(name, text, labels=labels)
        for key, number in sorted(_sums(map(of, every)).items()):
            family.add_metric([key] if isinstance(key, str) else list(key), number)
        yield family
    for name, text, plain in PLAIN:
        yield counter(name, text, sum(map(plain, every)))
    for name, text, histogram in HISTOGRAMS:
        yield _histogram(name, text, [histogram(counts) for counts in every])


def measured(all: Iterable[Gauges]) -> Iterator[Metric]:
    """What is so now at those workers that run."""
    every = list(all)
    for name, text, of in SUMS:
        yield gauge(name, text, sum(map(of, every)))
    for name, text, of in MOST:
        yield gauge(name, text, max(map(of, every), default=0))
    for name, text, of in LEAST:
        yield gauge(name, text, min(map(of, every), default=0))
    connections = {
        "idle": sum(one.idle for one in every),
        "busy": sum(one.busy for one in every),
        "opening": sum(one.opening for one in every),
    }
    yield gauges("guard_upstream_connections", "Connections to models, by state.", "state", connections)


# By a label's value, or those of several.
Labelled = Callable[[Counts], Mapping[Any, int]]

LABELLED: tuple[tuple[str, str, tuple[str, ...], Labelled], ...] = (
    ("guard_requests", "Exchanges that have ended, by model, version that answered, and how.",
     ("model", "version", "end"), lambda counts: counts.requests),
    ("guard_refusals", "Exchanges that the guard answered with an error, by its code.",
     ("code",), lambda counts: counts.refusals),
    ("guard_findings", "Rules that matched, by where (target), mode and action.",
     ("target", "mode", "action"), lambda counts: counts.findings),
    ("guard_tokens", "Tokens that models say they have read (input) and written (output).",
     ("model", "version", "kind"), lambda counts: counts.tokens),
    ("guard_upstream_failures", "Requests to a version that it did not answer, or with 429 or 5xx.",
     ("model", "version"), lambda counts: counts.failures),
    ("guard_messages", "Messages of WebSockets that have ended, by the side that sent them.",
     ("side",), lambda counts: counts.messages),
    ("guard_spans", "Spans of traces, by what became of them.", ("result",), lambda counts: counts.spans),
    ("guard_lease_events", "What workers asked the store for, to spend of shared limits, and what came of it.",
     ("event",), lambda counts: counts.leases),
)  # fmt: skip

PLAIN: tuple[tuple[str, str, Callable[[Counts], float]], ...] = (
    ("guard_request_body_bytes", "Bytes of bodies that clients have sent.", lambda counts: counts.asked),
    ("guard_response_body_bytes", "Bytes of bodies that clients were answered with.", lambda counts: counts.answered),
    ("guard_streams_cut", "Open answers and sessions that an operator's measure has ended.", lambda counts: counts.cut),
    ("guard_connections_turned_away", "Connections of clients that were one too many.",
     lambda counts: counts.turned_away),
    ("guard_journal_records", "Records that are on disk.", lambda counts: counts.records),
    ("guard_journal_bytes", "Bytes of records that were brought to the disk.", lambda counts: counts.bytes),
    ("guard_journal_lost_records", "Records that could not be written nor kept. Every one is a hole in the evidence.",
     lambda counts: counts.lost),
)  # fmt: skip

HISTOGRAMS: tuple[tuple[str, str, Callable[[Counts], Histogram]], ...] = (
    ("guard_overhead_seconds", "The guard's own time, until the answer began.", lambda counts: counts.overhead),
    ("guard_upstream_seconds", "How long exchanges waited for models.", lambda counts: counts.upstream),
    ("guard_first_byte_seconds", "From the whole request to the first byte of its answer.",
     lambda counts: counts.first_byte),
    ("guard_loop_lag_seconds", "By how much a worker's loop came late to its sweep, ten times a second.",
     lambda counts: counts.late),
)  # fmt: skip

Now = tuple[tuple[str, str, Callable[[Gauges], float]], ...]

SUMS: Now = (
    ("guard_connections", "Clients' connections that are open.", lambda now: now.connections),
    ("guard_exchanges", "Exchanges that are open, those that wait for a place included.", lambda now: now.exchanges),
    ("guard_streams", "Streamed answers and WebSockets that are open.", lambda now: now.streams),
    ("guard_requests_in_progress", "Requests that have a place.", lambda now: now.running),
    ("guard_requests_waiting", "Requests that wait for a place.", lambda now: now.waiting),
    ("guard_upstream_waiting", "Requests that wait for a connection to a model.", lambda now: now.wanted),
    ("guard_journal_kept_records", "Records that wait until the journal can be written again.", lambda now: now.kept),
    ("guard_journal_unwritable_workers", "Workers that cannot write their journal now.", lambda now: not now.healthy),
)
MOST: Now = (
    ("guard_loop_lag_max_seconds", "The most that any worker's loop came late in the last minute.",
     lambda now: now.lag),
    ("guard_journal_lag_seconds", "Age of the oldest record that is not on disk, the oldest of all workers.",
     lambda now: now.journal_lag),
    ("guard_lease_seconds", "How long the last ask to the store for shares of limits took, the slowest of all workers.",
     lambda now: now.lease_seconds),
)  # fmt: skip
LEAST: Now = (
    ("guard_policy_version", "Version of the policy in force; of several workers the oldest.", lambda now: now.policy),
    ("guard_measures_version", "Version of operators' measures in force; of several workers the oldest.",
     lambda now: now.measures),
)  # fmt: skip


def _sums(all: Iterable[Mapping[Any, int]]) -> dict[Any, int]:
    sums: dict[Any, int] = {}
    for counts in all:
        for key, number in counts.items():
            sums[key] = sums.get(key, 0) + number
    return sums


def _histogram(name: str, text: str, all: list[Histogram]) -> HistogramMetricFamily:
    """Of some whose bounds differ, which those of several releases may, only the first one's."""
    same = [one for one in all if one.bounds == all[0].bounds]
    family = HistogramMetricFamily(name, text)
    if same:
        counts = [sum(numbers) for numbers in zip(*(one.counts for one in same), strict=True)]
        edges = [*map(str, same[0].bounds), "+Inf"]
        buckets = list(zip(edges, accumulate(counts), strict=True))
        family.add_metric([], buckets, sum_value=sum(one.sum for one in same))
    return family
