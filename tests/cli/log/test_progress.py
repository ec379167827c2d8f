"""The bar that says how far a scan is."""

import io

from guard.cli.log import progress as module
from guard.cli.log.progress import progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_nobody_who_looks_gets_no_bar():
    """Where stderr is no terminal there is nothing to tell."""
    with progress(io.StringIO()) as told:
        assert told is None


def test_short_scans_show_nothing():
    """What is over at once draws nothing."""
    screen = Terminal()
    with progress(screen) as told:
        assert told is not None
        told(10, 10)
    assert screen.getvalue().strip() == ""


def test_long_scans_show_a_bar(monkeypatch):
    """A scan that takes long shows how far it is, and leaves nothing behind."""
    monkeypatch.setattr(module, "PATIENCE_SECONDS", -1)
    monkeypatch.setenv("TERM", "xterm")
    screen = Terminal()
    with progress(screen) as told:
        assert told is not None
        told(5_000_000, 10_000_000)
    assert "5.0/10.0 MB" in screen.getvalue()
