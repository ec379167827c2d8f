"""A process that beats."""

import subprocess
import sys
from time import monotonic

BEATING = """
import asyncio
import guard.beat
from guard.beat import beat

guard.beat.BEAT_SECONDS = 0.0

async def main():
    beating = asyncio.create_task(beat())
    await asyncio.sleep(SECONDS)
    beating.cancel()

asyncio.run(main())
"""


def test_it_beats_while_its_loop_turns():
    """Byte after byte."""
    code = BEATING.replace("SECONDS)", "0.2)")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=30, check=True)
    assert set(done.stdout) == set(b".")


def test_nobody_has_to_listen():
    """A pipe that is full, or closed at its other end, holds nobody up."""
    code = BEATING.replace("SECONDS)", "1.5)")
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        began = monotonic()
        assert process.wait(30) == 0
        assert monotonic() - began < 20
        assert process.stderr is not None
        assert process.stderr.read() == b""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.wait(30) == 0
