"""A bundled model as a real process, for the time of a test file."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from guard.model.answers import Answer, Document, Event


@contextmanager
def model(*options: str) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Run `guard model` on a free port; gives its URL and process."""
    command = [sys.executable, "-m", "guard.cli", "model", "--listen", "127.0.0.1:0", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            yield f"http://{json.loads(process.stdout.readline())['listening']}", process
        finally:
            process.terminate()
            process.wait(10)


def whole(given: Answer) -> Document:
    """An answer that is not streamed."""
    assert isinstance(given, dict)
    return given


def events(given: Answer) -> list[Event]:
    """The events of an answer that is streamed."""
    assert not isinstance(given, dict)
    return list(given)
