"""Pushes under load: some of them on a real guard, and that a failure would be seen."""

import asyncio

import pytest

from loadtests import pushes
from loadtests.pushes import run


@pytest.mark.timeout(120)
def test_nothing_fails(tmp_path, monkeypatch):
    """Good and broken ones, with streams open; each is in force when its command ends."""
    monkeypatch.setattr(pushes, "BROKEN_EVERY", 3)
    report = asyncio.run(run(6, 3, tmp_path))
    assert report["failures"] == []
    assert report["requests"] > 0
    assert report["streams"] >= pushes.STREAMS
    assert report["in_force"]["most"] < 5


@pytest.mark.timeout(120)
def test_a_failure_is_told(tmp_path, monkeypatch):
    """Answers that are not the model's, streams that are not whole, and pushes that are not in force."""
    monkeypatch.setattr(pushes, "ANSWER", b"another")
    monkeypatch.setattr(pushes, "EVENTS", 1)
    monkeypatch.setattr(pushes, "_push", lambda *_: (0, {"late": [], "workers": 2, "seconds": 0.0}))
    found = " ".join(asyncio.run(run(1, 1, tmp_path))["failures"])
    assert "200 {" in found
    assert "push 1 is not in force though it was said to be" in found
