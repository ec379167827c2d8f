"""The exposition, of a real guard, and that every metric is documented."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from guard.admin.metrics import Node, exposition
from guard.settings import load
from tests.support.processes import serving
from tests.support.values import config
from tests.test_supervisor import CONFIG, running_workers, state, wait_for

DOCUMENT = (Path(__file__).parent.parent.parent / "docs" / "metrics.md").read_text()
ASK = {"model": "m", "messages": [{"role": "user", "content": "say: one two three"}]}


def scraped(settings):
    """All samples there are now, by name and labels."""
    text, kind = exposition(settings)
    assert kind.startswith("text/plain")
    return {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


@pytest.mark.slow
def test_counters_are_sums_that_outlive_workers(tmp_path):
    """What several workers counted is one number, and a worker that is killed takes back none of it."""
    key = ("guard_requests_total", "chat", "complete", "v1")
    with serving(tmp_path, CONFIG, data="workers: 2, drain_timeout: 1", rules=None) as running:
        settings = load(tmp_path / "guard.yaml", {})
        running_workers(running)
        for _ in range(20):
            assert httpx.post(f"{running.url}/v1/chat/completions", json=ASK).status_code == 200
        wait_for(lambda: scraped(settings).get(key) == 20, "not all are counted")
        found = scraped(settings)
        assert found["guard_workers",] == 2
        assert found["guard_journal_lost_records_total",] == 0
        assert found["guard_overhead_seconds_count",] == found["guard_overhead_seconds_bucket", "+Inf"] == 20
        assert found["guard_keeper_up",] == 1
        victim = running_workers(running)[0].pid
        os.kill(victim, signal.SIGKILL)
        wait_for(lambda: f"worker {victim} is gone" in running.guard.log.read_text(), "its death is not seen")
        running_workers(running)
        again = scraped(settings)
        assert again[key] == 20
        assert again["guard_worker_deaths_total", "died"] == 1
        assert again["guard_journal_records_total",] >= found["guard_journal_records_total",]
        assert state(running) == Path(settings.state)


@pytest.mark.slow
def test_what_runs_no_more_is_counted_and_not_open(tmp_path):
    """Gauges are those of workers that run."""
    with serving(tmp_path, CONFIG, rules=None) as running:
        settings = load(tmp_path / "guard.yaml", {})
        assert httpx.post(f"{running.url}/v1/chat/completions", json=ASK).status_code == 200
    found = scraped(settings)
    assert found["guard_requests_total", "chat", "complete", "v1"] == 1
    assert found["guard_workers",] == found["guard_upstream_connections", "idle"] == found["guard_keeper_up",] == 0


def test_a_node_that_never_ran_has_metrics(tmp_path):
    """All zero; nothing is made in its state folder."""
    found = scraped(config(state=str(tmp_path / "state")))
    assert found["guard_workers",] == 0
    assert not (tmp_path / "state").exists()


def test_every_metric_is_documented(tmp_path):
    """docs/metrics.md has each with its kind, and no other."""
    # Two that only a journal that is there has.
    (tmp_path / "journal" / "w1").mkdir(parents=True)
    (tmp_path / "journal" / "w1" / "checkpoint").write_text("")
    found = {
        f"{family.name}_total" if family.type == "counter" else family.name: family.type
        for family in Node(config(state=str(tmp_path))).collect()
    }
    found = {
        "guard_info" if kind == "info" else name: "gauge" if kind == "info" else kind for name, kind in found.items()
    }
    documented = dict(re.findall(r"^\| `(guard_\w+)` \| (\w+) \|", DOCUMENT, re.MULTILINE))
    assert found.items() <= documented.items()
    elsewhere = {"guard_checkpoint_age_seconds", "guard_store_up", "guard_nodes", "guard_nodes_behind"}
    assert documented.keys() - found.keys() == elsewhere


def test_every_alert_names_metrics_that_exist():
    """The rules in docs/metrics.md."""
    documented = set(re.findall(r"^\| `(guard_\w+)`", DOCUMENT, re.MULTILINE))
    named = set(re.findall(r"\bguard_\w+", DOCUMENT.partition("```yaml")[2]))
    assert {name.removesuffix("_bucket") for name in named} <= documented
