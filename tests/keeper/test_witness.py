"""Witnesses: files, and a real HTTP server."""

import resource
import signal
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import monotonic

import pytest

from guard.config import Witness as Configured
from guard.evidence.verify.outside import outside
from guard.keeper.witness import append, witnesses

NOTE = b"node/w1\n5\nAAAA=\n\n\xe2\x80\x94 node/w1 sig\n"
OTHER = b"node/w1\n6\nBBBB=\n\n\xe2\x80\x94 node/w1 sig\n"


class Office(BaseHTTPRequestHandler):
    """Takes notes; answers what it is told to."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.got.append((self.path, self.headers, body))  # type: ignore[attr-defined]
        self.send_response(self.server.status)  # type: ignore[attr-defined]
        self.send_header("location", "/elsewhere")
        self.send_header("content-length", "0")
        self.end_headers()
        self.server.came.release()  # type: ignore[attr-defined]

    def log_message(self, *_):
        """Nothing."""


@contextmanager
def office(port=0, status=200):
    """A witness's server: what it got, and a semaphore for each that came."""
    with ThreadingHTTPServer(("127.0.0.1", port), Office) as server:
        server.got, server.came, server.status = [], threading.Semaphore(0), status  # type: ignore[attr-defined]
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
        try:
            yield server
        finally:
            server.shutdown()


def url(server):
    """Where it is."""
    return f"http://127.0.0.1:{server.server_port}/hook/secret-path"


def end(*all_):
    """Let witnesses finish."""
    for witness in all_:
        witness.task.finish()
    return all(witness.task.join(monotonic() + 5) for witness in all_)


def test_checkpoints_come_one_after_the_other_in_a_file(tmp_path):
    """Each is appended with an empty line behind it; one that is there already is not written again."""
    path = tmp_path / "checkpoints"
    for note in (NOTE, OTHER, OTHER, NOTE):
        append(path, note)
    assert path.read_bytes() == NOTE + b"\n" + OTHER + b"\n"
    assert path.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("torn", [b"node/w1\n5\nAA", b"node/w1\n", b"\n"])
def test_a_torn_file_is_gone_on_with(tmp_path, torn):
    """What a crash left is no part of the checkpoint behind it."""
    path = tmp_path / "checkpoints"
    path.write_bytes(torn)
    append(path, NOTE)
    assert path.read_bytes().startswith(torn)
    assert path.read_bytes().endswith(b"\n\n" + NOTE + b"\n")


def test_a_missing_folder_is_not_made(tmp_path):
    """A disk that is not mounted is an error and not a folder on another disk."""
    with pytest.raises(FileNotFoundError):
        append(tmp_path / "mount" / "checkpoints", NOTE)


def test_a_full_disk_leaves_no_half_of_one(tmp_path):
    """A checkpoint that does not fit is not there at all."""
    path = tmp_path / "checkpoints"
    append(path, NOTE)
    before = path.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 10, hard))
    try:
        with pytest.raises(OSError, match="too large"):
            append(path, OTHER)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, ignored)
    assert path.read_bytes() == before


def test_what_is_in_the_file_verifies_a_journal(tmp_path):
    """The file is one that `guard log verify --checkpoint` reads: each checkpoint in it, with its log."""
    path = tmp_path / "checkpoints"
    for note in (NOTE, OTHER.replace(b"w1", b"control")):
        append(path, note)
    assert [(one.log, one.note) for one in outside("x", path.read_bytes())] == [
        ("w1", NOTE), ("control", OTHER.replace(b"w1", b"control")),
    ]  # fmt: skip


def test_a_checkpoint_is_posted():
    """The note is the body; the key goes along as a bearer token."""
    with office() as server:
        (witness,) = witnesses([Configured(url=url(server), key="letmein")])
        witness.take("w1", NOTE)
        assert server.came.acquire(timeout=5)
        assert end(witness)
    ((path, headers, body),) = server.got
    assert (path, body) == ("/hook/secret-path", NOTE)
    assert headers["authorization"] == "Bearer letmein"
    assert headers["content-type"] == "text/plain; charset=utf-8"


@pytest.mark.parametrize("status", [302, 307, 404, 500])
def test_no_other_answer_will_do(caplog, status):
    """A redirect is not followed, and neither it nor an error counts as taken; the log has no secret of the URL."""
    with office(status=status) as server:
        (witness,) = witnesses([Configured(url=url(server))])
        witness.take("w1", NOTE)
        assert server.came.acquire(timeout=5)
        assert end(witness)
    assert [path for path, _, _ in server.got] == ["/hook/secret-path"]
    assert f"witness 0 at 127.0.0.1: it answered {status}" in caplog.text
    assert "secret-path" not in caplog.text


def test_the_newest_checkpoint_supersedes_what_was_not_told(monkeypatch, caplog):
    """While a witness is away only the newest of each log is kept for it, and it gets that when it is back."""
    monkeypatch.setattr("guard.keeper.witness.PAUSE", 0.01)
    with office() as server:
        port = server.server_port
    (witness,) = witnesses([Configured(url=f"http://127.0.0.1:{port}/")])
    for number in range(50):
        witness.take("w1", b"old %d" % number)
    witness.take("w2", NOTE)
    witness.take("w1", OTHER)
    until = monotonic() + 5
    while not caplog.records and monotonic() < until:
        pass
    with office(port) as server:
        for _ in range(2):
            assert server.came.acquire(timeout=5)
        assert end(witness)
    assert sorted(body for _, _, body in server.got) == sorted([NOTE, OTHER])


def test_one_that_fails_does_not_hold_up_another(tmp_path):
    """Each witness has its own thread."""
    gone = tmp_path / "gone" / "checkpoints"
    both = witnesses([Configured(file=str(gone)), Configured(file=str(tmp_path / "there"))])
    for witness in both:
        witness.take("w1", NOTE)
    assert end(*both)
    assert (tmp_path / "there").read_bytes() == NOTE + b"\n"
