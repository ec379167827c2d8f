"""The node's metrics as Prometheus reads them, made from what is in the state folder when they are asked for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, InfoMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

import guard
from guard.admin.families import counted, gauge, gauges, measured
from guard.config import Config
from guard.control.standing import Standing, standing
from guard.counts import Counts
from guard.custody import counts, supervision
from guard.custody.supervision import Supervision


def exposition(config: Config) -> tuple[bytes, str]:
    """The metrics of a node, and their content type. It reads files, which may take a while: not for an event loop."""
    registry = CollectorRegistry()
    registry.register(Node(config))
    return generate_latest(registry), CONTENT_TYPE_LATEST


class Node(Collector):
    """One node's families."""

    def __init__(self, config: Config) -> None:
        self._config = config

    def describe(self) -> Iterator[Metric]:
        """Nothing: what there is is found when it is collected."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """Read all that the state folder tells."""
        state = Path(self._config.state)
        every = list(counts.every(state).values())
        found = standing(self._config)
        yield InfoMetricFamily("guard", "This node.", value={"node": found.node, "version": guard.__version__})
        yield from counted(every)
        yield from measured(one.counts.now for one in found.workers if one.counts is not None)
        yield from _processes(found, supervision.read(state) or Supervision(0), every)
        yield from _kept(found)
        if (store := found.store) is not None:
            yield gauge("guard_store_up", "Whether the store answers.", not store.trouble)
            yield gauge("guard_nodes", "Nodes that the store has heard of just now.", len(store.nodes))
            yield gauge("guard_nodes_behind", "Nodes without the newest of the shared changes.", len(store.behind))


def _processes(found: Standing, ever: Supervision, every: list[Counts]) -> Iterator[Metric]:
    yield gauge("guard_workers", "Workers that run.", len(found.workers))
    yield gauge("guard_workers_behind", "Workers that have not the newest measures in force.", len(found.behind))
    deaths = CounterMetricFamily(
        "guard_worker_deaths", "Workers that died by themselves, or were killed because they hung.", labels=["why"]
    )
    deaths.add_metric(["died"], ever.deaths)
    deaths.add_metric(["hung"], ever.hangs)
    yield deaths
    reloads = CounterMetricFamily(
        "guard_reloads", "Readings of the configuration again, by what came of them.", labels=["result"]
    )
    # Every worker reads it; with a supervisor only what that found fit to be used.
    reloads.add_metric(["success"], max((one.reloads for one in every), default=0))
    reloads.add_metric(["failure"], ever.reloads_failed + max((one.reloads_failed for one in every), default=0))
    yield reloads
    last = max((one.reloaded for one in every), default=0.0)
    yield gauge("guard_reload_last_success_timestamp_seconds", "When one was last taken over; 0: none was.", last)
    yield gauge("guard_keeper_up", "Whether the keeper runs.", found.keeper)
    yield gauge("guard_control_up", "Whether the control process runs.", bool(found.control))
    yield gauge("guard_problems", "How many problems `guard status` tells.", len(found.problems))
    if found.newest is not None:
        yield gauge("guard_measures_newest_version", "The newest measures in the control log.", found.newest)


def _kept(found: Standing) -> Iterator[Metric]:
    health = found.journal
    states = {state: float(number) for state, number in health.segments.items()}
    yield gauges("guard_journal_segments", "Files of the journal, by state.", "state", states)
    yield gauge("guard_journal_stored_bytes", "What the journal takes on its disk.", health.bytes)
    if health.free is not None:
        yield gauge("guard_journal_disk_free_bytes", "Room that is left on the journal's disk.", health.free)
    if health.checkpoint_age is not None:
        text = "Since something was last signed for; it grows where nothing is written, too."
        yield gauge("guard_checkpoint_age_seconds", text, health.checkpoint_age)
    signed = CounterMetricFamily("guard_journal_signed_records", "Records that a checkpoint is signed for.")
    signed.add_metric([], sum(log.signed for name, log in health.logs.items() if name.startswith("w")))
    yield signed
