"""Families made of what workers count."""

from guard.admin.families import counted, gauges, measured
from guard.counts import Counts, Gauges, histogram


def samples(families):
    """By name and labels."""
    return {(sample.name, *sample.labels.values()): sample.value for family in families for sample in family.samples}


def test_counters_are_sums():
    """Labels that only one worker has are there too."""
    found = samples(
        counted(
            [
                Counts(requests={("chat", "v1", "complete"): 2}, refusals={"not_found": 1}, cut=1),
                Counts(requests={("chat", "v1", "complete"): 3, ("chat", "", "refused"): 1}, cut=2),
            ]
        )
    )
    assert found["guard_requests_total", "chat", "v1", "complete"] == 5
    assert found["guard_requests_total", "chat", "", "refused"] == 1
    assert found["guard_refusals_total", "not_found"] == 1
    assert found["guard_streams_cut_total",] == 3


def test_histograms_are_sums_and_cumulative():
    """Each bucket has all that is at most its bound."""
    one, other = Counts(), Counts()
    for value in (0.000_05, 0.000_06, 7.0):
        one.overhead.add(value)
    other.overhead.add(0.15)
    found = samples(counted([one, other]))
    buckets = {labels[0]: value for (name, *labels), value in found.items() if name == "guard_overhead_seconds_bucket"}
    assert (buckets["5e-05"], buckets["0.0001"], buckets["0.25"], buckets["1.0"], buckets["+Inf"]) == (1, 2, 3, 3, 4)
    assert found["guard_overhead_seconds_count",] == 4
    assert found["guard_overhead_seconds_sum",] == 0.000_05 + 0.000_06 + 7.0 + 0.15


def test_histograms_of_other_bounds_are_not_mixed():
    """A log that no worker of this release has gone on with."""
    one = Counts()
    one.overhead.add(0.1)
    other = Counts(overhead=histogram(1.0))
    assert samples(counted([one, other]))["guard_overhead_seconds_count",] == 1


def test_no_counts_are_families_without_samples_or_with_zero():
    """A node that never ran."""
    found = samples(counted([]))
    assert found["guard_streams_cut_total",] == 0
    assert not any(name.startswith("guard_requests") for name, *_ in found)


def test_gauges_are_sums_or_the_worst():
    """Connections add up; the oldest policy and the longest lag are what matters."""
    found = samples(
        measured(
            [
                Gauges(policy=4, lag=0.1, connections=3, idle=1, healthy=False),
                Gauges(policy=3, lag=0.2, connections=4, idle=1),
            ]
        )
    )
    assert found["guard_connections",] == 7
    assert found["guard_upstream_connections", "idle"] == 2
    assert found["guard_policy_version",] == 3
    assert found["guard_loop_lag_max_seconds",] == 0.2
    assert found["guard_journal_unwritable_workers",] == 1
    assert samples([gauges("x", "X.", "state", {"a": 1.0})]) == {("x", "a"): 1.0}
