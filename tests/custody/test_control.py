"""The control log, with real files and processes."""

import multiprocessing
import os
import resource
import signal
from pathlib import Path

import orjson
import pytest

from guard.changes import VersionError
from guard.custody.control import ControlError, Pen, append, append_all, change_record, changes, locked, whoever
from guard.journal.chain import BEGINNING, Position, link, split
from guard.journal.folder import segments


def files(journal):
    """The log's files in order."""
    return [segment.path(".jsonl") for segment in segments(journal, "control")]


def records(path):
    """A file's whole records."""
    return [orjson.loads(line) for line in path.read_bytes().splitlines(keepends=True) if line.endswith(b"\n")]


def hold(journal, incident, **more):
    """One more change."""
    return append(journal, {"type": "hold"}, reason="r", incident=incident, actor="tester", **more)


def test_a_change_is_a_chained_record(tmp_path):
    """The log begins with who writes it; a change says what, who, why, when and for which incident."""
    record = append(
        tmp_path, {"type": "export", "records": 5}, reason="court order", actor="ann", incident="INC-1", node="n1"
    )
    (path,) = files(tmp_path)
    head, change = records(path)
    assert (head["kind"], head["log"], head["node"], head["after"]) == ("segment", "control", "n1", "start")
    assert {key: change[key] for key in ("seq", "kind", "actor", "reason", "incident", "change")} == {
        "seq": 1, "kind": "change", "actor": "ann", "reason": "court order", "incident": "INC-1",
        "change": {"type": "export", "records": 5},
    }  # fmt: skip
    assert record == {key: value for key, value in change.items() if key != "chain"}


def test_each_change_has_an_id_of_its_own(tmp_path):
    """By which it is known wherever else it is written down."""
    ids = [hold(tmp_path, "I")["id"] for _ in range(3)]
    assert len(set(ids)) == 3
    assert [change["id"] for change in changes(tmp_path)] == ids


def test_a_pen_goes_on_where_it_was(tmp_path):
    """Whoever else has written meanwhile, also into another segment, or was killed in the middle of it."""
    pen = Pen(tmp_path, "n1")
    made = change_record({"type": "hold"}, reason="r", actor="a")
    seqs = [pen.write([made])[0]["seq"] for _ in range(3)]
    seqs.append(hold(tmp_path, "I")["seq"])
    seqs += [pen.write([made])[0]["seq"] for _ in range(2)]
    seqs.append(hold(tmp_path, "I", segment_bytes=1)["seq"])
    seqs.append(pen.write([made])[0]["seq"])
    with files(tmp_path)[-1].open("ab") as file:
        file.write(b'{"seq":')
    seqs.append(pen.write([made])[0]["seq"])
    assert seqs == [1, 2, 3, 4, 5, 6, 8, 9, 11]
    assert [change["seq"] for change in changes(tmp_path)] == seqs
    with pytest.raises(VersionError):
        pen.write([made], if_version=11)
    assert pen.write([made], if_version=12)[0]["seq"] == 12


def test_a_pen_does_not_read_what_it_wrote(tmp_path, monkeypatch):
    """The end of a long log is known to who wrote it."""
    pen = Pen(tmp_path)
    made = change_record({"type": "hold"}, reason="r", actor="a")
    pen.write([made])
    monkeypatch.setattr("guard.custody.control.recover", None)
    assert pen.write([made])[0]["seq"] == 2


def test_several_records_are_written_at_once(tmp_path):
    """They follow one another, with nothing between."""
    made = [change_record({"type": "hold"}, reason=f"r{number}", actor="a") for number in range(3)]
    assert [record["seq"] for record in append_all(tmp_path, made)] == [1, 2, 3]
    assert [record["seq"] for record in append_all(tmp_path, made)] == [4, 5, 6]
    assert [change["reason"] for change in changes(tmp_path)] == ["r0", "r1", "r2"] * 2


def test_an_order_for_another_version_changes_nothing(tmp_path):
    """Of two operators who saw the same, the second is told that something has changed since."""
    append(tmp_path, {"type": "hold"}, reason="r", incident="I", if_version=0)
    with pytest.raises(VersionError) as error:
        append(tmp_path, {"type": "hold"}, reason="r", incident="I", if_version=0)
    assert (error.value.version, error.value.expected) == (2, 0)
    append(tmp_path, {"type": "hold"}, reason="r", incident="I", if_version=2)
    assert len(list(changes(tmp_path))) == 2


def test_what_is_no_utf8_is_escaped(tmp_path):
    """Whatever bytes somebody types are written down in some way."""
    record = append(tmp_path, {"type": "hold"}, reason="caf\udce9", actor="\ud800", incident="\udcff\n")
    assert (record["reason"], record["actor"], record["incident"]) == ("caf\\udce9", "\\ud800", "\\udcff\n")
    assert [change["reason"] for change in changes(tmp_path)] == [record["reason"]]


def test_changes_come_back_in_order_over_segments(tmp_path):
    """What was appended is read again, whatever the number of files it is in."""
    for number in range(12):
        hold(tmp_path, f"INC-{number}", segment_bytes=1_000)
    assert len(files(tmp_path)) > 2
    assert [change["incident"] for change in changes(tmp_path)] == [f"INC-{number}" for number in range(12)]
    assert records(files(tmp_path)[1])[0]["after"] == "rotation"


def test_whoever_is_the_user_and_who_became_it(monkeypatch):
    """With sudo both are told; an unknown user by its number."""
    monkeypatch.delenv("SUDO_USER", raising=False)
    name = whoever()
    assert name
    monkeypatch.setenv("SUDO_USER", "alice")
    assert whoever() == f"alice (as {name})"


def test_a_cut_at_every_byte_recovers(tmp_path):
    """Wherever the last record was torn, the next change begins a segment that tells of it; nothing else is lost."""
    hold(tmp_path, "INC-0")
    hold(tmp_path, "INC-1")
    (path,) = files(tmp_path)
    whole = path.read_bytes()
    start = whole.rindex(b"\n", 0, -1) + 1
    for cut in range(start + 1, len(whole)):
        for other in files(tmp_path)[1:]:
            other.unlink()
        path.write_bytes(whole[:cut])
        hold(tmp_path, "INC-2")
        first, second = files(tmp_path)
        assert first.read_bytes() == whole[:cut]
        assert records(second)[0] | {"after": "crash", "torn": cut - start} == records(second)[0]
        assert [change["incident"] for change in changes(tmp_path)] == ["INC-0", "INC-2"]


def test_a_cut_between_records_goes_on_in_the_file(tmp_path):
    """A file that ends in a whole record is gone on with."""
    hold(tmp_path, "INC-0")
    hold(tmp_path, "INC-1")
    assert len(files(tmp_path)) == 1


def test_damage_is_told_and_does_not_keep_anybody_from_acting(tmp_path):
    """An altered record is named to whoever relies on the log; changes can be appended all the same."""
    for number in range(4):
        hold(tmp_path, f"INC-{number}")
    (path,) = files(tmp_path)
    path.write_bytes(path.read_bytes().replace(b"INC-1", b"INC-9"))
    with pytest.raises(ControlError, match=r"control/0: record 2 is damaged"):
        list(changes(tmp_path))
    assert hold(tmp_path, "INC-4")["seq"] == 5


def test_a_missing_segment_is_told(tmp_path):
    """A file that was taken away leaves a gap, which is named."""
    for number in range(12):
        hold(tmp_path, f"INC-{number}", segment_bytes=1_000)
    files(tmp_path)[1].unlink()
    with pytest.raises(ControlError, match="control/"):
        list(changes(tmp_path))


@pytest.mark.parametrize("content", [b"", b"\0" * 100, b"no record\n", b'{"seq":0,"kind":"segment"}\n'])
def test_a_file_without_a_record_is_told(tmp_path, content):
    """A last file in which there is no record is not gone on with, and not touched."""
    (tmp_path / "control").mkdir()
    path = tmp_path / "control" / f"{0:016d}.jsonl"
    path.write_bytes(content)
    with pytest.raises(ControlError, match="does not begin with the record 0"):
        hold(tmp_path, "INC-0")
    assert path.read_bytes() == content


def test_a_record_that_is_no_json_is_told(tmp_path):
    """A record whose chain is right may still be nothing that can be read."""
    (tmp_path / "control").mkdir()
    line, _ = link(b'{"kind":}', BEGINNING)
    (tmp_path / "control" / f"{0:016d}.jsonl").write_bytes(line)
    with pytest.raises(ControlError, match="no JSON"):
        list(changes(tmp_path))


def test_a_full_disk_is_an_error_and_the_log_goes_on(tmp_path):
    """A record that does not fit is refused; once there is room, the log goes on behind what was written of it."""
    hold(tmp_path, "INC-0")
    size = files(tmp_path)[0].stat().st_size
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 20, hard))
    try:
        with pytest.raises(OSError, match="too large"):
            append(tmp_path, {"type": "hold"}, reason="x" * 2_000, incident="INC-1")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)
    hold(tmp_path, "INC-2")
    assert [change["incident"] for change in changes(tmp_path)] == ["INC-0", "INC-2"]
    assert records(files(tmp_path)[1])[0]["torn"] == 20


def test_a_file_that_failed_is_given_up(tmp_path):
    """When only the file fails, the record begins the next segment, at the number that it would have had."""
    hold(tmp_path, "INC-0")
    path = files(tmp_path)[0]
    for _ in range(8):
        hold(tmp_path, "INC-1")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 10, hard))
    try:
        hold(tmp_path, "INC-2")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)
    assert records(files(tmp_path)[1])[0]["after"] == "failure"
    assert [change["incident"] for change in changes(tmp_path)] == ["INC-0", *["INC-1"] * 8, "INC-2"]


def _many(journal, name):
    for number in range(10):
        append(journal, {"type": "hold"}, reason="r", incident=f"{name}-{number}", segment_bytes=2_000)


def test_several_processes_append(tmp_path):
    """Whoever appends at the same time waits for the other; every change is there, in one chain."""
    spawn = multiprocessing.get_context("spawn")
    processes = [spawn.Process(target=_many, args=(tmp_path, name)) for name in "abc"]
    for process in processes:
        process.start()
    for process in processes:
        process.join(20)
    found = [change["incident"] for change in changes(tmp_path)]
    assert sorted(found) == sorted(f"{name}-{number}" for name in "abc" for number in range(10))


def test_a_lock_that_is_not_given_back_is_told(tmp_path, monkeypatch):
    """Whoever holds the log for too long is an error with the file's name, not a wait for ever."""
    monkeypatch.setattr("guard.custody.control.LOCK_SECONDS", 0.05)
    with locked(tmp_path), pytest.raises(ControlError, match=r"control\.lock"):
        hold(tmp_path, "INC-0")


def test_a_writer_that_was_killed_leaves_the_lock(tmp_path):
    """The lock goes with the process that held it."""
    pid = os.fork()
    if pid == 0:
        with locked(tmp_path):
            os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(pid, 0)
    assert hold(tmp_path, "INC-0")["seq"] == 1


def test_the_folder_is_the_users_only(tmp_path):
    """Files and folder are readable by their user only."""
    hold(tmp_path, "INC-0")
    assert Path(tmp_path / "control").stat().st_mode & 0o077 == 0
    assert files(tmp_path)[0].stat().st_mode & 0o077 == 0


def test_records_chain_over_segments(tmp_path):
    """The chain goes from the last record of a segment to the first of the next."""
    for number in range(12):
        hold(tmp_path, f"INC-{number}", segment_bytes=1_000)
    position = BEGINNING
    for line in (line for path in files(tmp_path) for line in path.read_bytes().splitlines()):
        entry = split(line)
        assert entry is not None
        again, position = link(b"{" + line[len(b'{"seq":%d,' % entry.seq) : -len(b',"chain":"') - 46] + b"}", position)
        assert again.rstrip() == line
    assert isinstance(position, Position)
