"""Programs started for a measurement."""

import os
import sys
from shutil import which

import httpx
import pytest

from loadtests.ports import free_port
from loadtests.program import ProgramError, find, running

SERVER = """
import http.server, sys
class Echo(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Echo).serve_forever()
"""


@pytest.fixture
def core():
    """A core that this process may use, where programs can be pinned at all."""
    if which("taskset") is None:
        pytest.skip("taskset is Linux's")
    return min(os.sched_getaffinity(0))


def test_program_is_ready_when_it_answers_and_gone_after_the_block(tmp_path, core):
    """Waiting ends with the expected answer; leaving the block ends the program."""
    port = free_port()
    url = f"http://127.0.0.1:{port}/"
    with running("echo", [sys.executable, "-c", SERVER, str(port)], core=core, log=tmp_path / "log") as program:
        program.wait_for(url, b"hello", {}, b"hello")
    assert program.process.returncode is not None
    with pytest.raises(httpx.ConnectError):
        httpx.post(url, content=b"hello")


def test_program_that_ends_is_an_error_with_its_last_words(tmp_path, core):
    """A program that cannot start is reported with what it printed."""
    words = [sys.executable, "-c", "raise SystemExit('no such file')"]
    with (
        running("broken", words, core=core, log=tmp_path / "log") as program,
        pytest.raises(ProgramError, match="broken ended with 1: no such file"),
    ):
        program.wait_for("http://127.0.0.1:9/", b"", {}, b"")


def test_missing_program_is_named():
    """A program that is not installed is named, with what sets it up."""
    with pytest.raises(ProgramError, match="no-such-proxy is not installed: `make load`"):
        find("no-such-proxy")
