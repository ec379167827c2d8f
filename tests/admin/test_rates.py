"""How often somebody may call."""

from guard.admin import rates
from guard.admin.rates import Rates


def test_a_burst_and_then_a_rate():
    """Each has their own."""
    calls = Rates(2.0, 3)
    assert [calls.wait("ann", 0.0) for _ in range(4)] == [0, 0, 0, 1]
    assert calls.wait("bob", 0.0) == 0
    assert calls.wait("ann", 0.4) == 1
    assert calls.wait("ann", 0.5) == 0
    assert [calls.wait("ann", 100.0) for _ in range(4)] == [0, 0, 0, 1]


def test_only_so_many_are_told_apart(monkeypatch):
    """Who was seen longest ago is forgotten."""
    monkeypatch.setattr(rates, "MOST", 2)
    calls = Rates(0.001, 1)
    assert [calls.wait(name, 0.0) for name in ("a", "b", "c")] == [0, 0, 0]
    assert calls.wait("c", 0.0) > 0
    assert calls.wait("a", 0.0) == 0
