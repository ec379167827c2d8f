"""The load test of places on two machines, in small: its counts are true, whatever this machine's speed."""

from loadtests.places import Report, run, wrong

FINE = Report("well", 20, 20, 19.0, 1_000, 1_000, 0)


def test_two_guards_have_so_many_in_progress_together():
    """Never more than the limit while the store is there, nor much more without it; and most of them are used."""
    found = run(["stopped"], workers=1, limit=6, hold=0.1, offered=2.0, seconds=1.5)
    assert list(found) == ["well", "stopped", "well after stopped"]
    for name, (report, _) in found.items():
        assert report.broken == 0
        assert 3 <= report.most <= (7 if name == "stopped" else 6)
        assert report.refused > 0


def test_what_is_wrong_is_seen():
    """Too many at once, too few on average, and answers of another kind."""
    assert wrong(FINE) == []
    for other in (FINE._replace(most=21), FINE._replace(mean=17.9), FINE._replace(broken=1)):
        assert len(wrong(other)) == 1
    assert wrong(FINE._replace(phase="stopped", most=24, mean=5.0)) == []
    assert len(wrong(FINE._replace(phase="stopped", most=25))) == 1
