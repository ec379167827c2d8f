"""The bar on stderr."""

import io
import sys

from guard.cli.log.progress import progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_terminal_gets_a_bar(monkeypatch):
    """It says what is done."""
    monkeypatch.setattr(sys, "stderr", stderr := Terminal())
    with progress("verifying") as advance:
        advance(1, 2)
    assert "verifying" in stderr.getvalue()


def test_anything_else_gets_nothing(monkeypatch):
    """Programs that read stderr find trouble there, and nothing else."""
    monkeypatch.setattr(sys, "stderr", stderr := io.StringIO())
    with progress("verifying") as advance:
        advance(1, 2)
    assert stderr.getvalue() == ""
