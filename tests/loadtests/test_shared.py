"""The load test of shared limits, in small: its counts are true, whatever this machine's speed."""

from loadtests.shared import PHASES, WELL, Report, run, wrong

FINE = Report("well", 5.0, 1_000.0, 50, 1_050, 2_000, 0, 0.01, 1.0)


def test_two_guards_share_a_limit_and_go_on_without_the_store():
    """What two nodes let in is about the limit and the burst, with the store and without it."""
    found = run(["stopped"], workers=1, rate=50, burst=10, offered=3.0, seconds=1.0)
    assert list(found) == ["well", "stopped", "well after stopped"]
    for report, _ in found.values():
        assert report.broken == 0
        assert 0.8 * report.limit < report.admitted <= 1.2 * (report.limit + report.burst)
        assert report.refused > report.limit


def test_what_is_wrong_is_seen():
    """Too much or too little is, and answers that are late or of another kind."""
    assert wrong(FINE, WELL, 0.01) == []
    for other in (
        FINE._replace(admitted=1_051),
        FINE._replace(settled=0.98),
        FINE._replace(p99=0.07),
        FINE._replace(broken=1),
    ):
        assert len(wrong(other, WELL, 0.01)) == 1
    outage = PHASES["stopped"]
    assert wrong(FINE._replace(admitted=1_250, settled=0.5), outage, 0.01) == []
    assert len(wrong(FINE._replace(admitted=1_251), outage, 0.01)) == 1
