"""On what a folder is, as the kernel tells it."""

import os

import pytest

from guard.store.sqlite import mounts
from guard.store.sqlite.mounts import network

LINE = "36 35 {device} / /mnt rw,noatime shared:1 - {kind} server:/export rw,vers=4.2\n"
OTHER = "22 1 0:99999 / / rw - ext4 /dev/sda1 rw\n"


def told(tmp_path, monkeypatch, kind):
    """What is said of a folder that is on that."""
    device = tmp_path.stat().st_dev
    path = tmp_path / "mountinfo"
    path.write_text(OTHER + LINE.format(device=f"{os.major(device)}:{os.minor(device)}", kind=kind))
    monkeypatch.setattr(mounts, "MOUNTS", path)
    return network(tmp_path)


@pytest.mark.parametrize("kind", ["nfs", "nfs4", "cifs", "ceph", "fuse.glusterfs", "fuse.sshfs"])
def test_a_network_file_system_is_named(tmp_path, monkeypatch, kind):
    """By its type."""
    assert told(tmp_path, monkeypatch, kind) == kind


@pytest.mark.parametrize("kind", ["ext4", "xfs", "overlay", "tmpfs", "fuse.mergerfs"])
def test_any_other_is_none(tmp_path, monkeypatch, kind):
    """A disk, memory, a container's layers."""
    assert told(tmp_path, monkeypatch, kind) == ""


def test_where_there_is_no_telling_there_is_none(tmp_path, monkeypatch):
    """No such folder, no such list, or a list without it; the real one has this machine's disks."""
    assert network(tmp_path) == ""
    assert network(tmp_path / "none") == ""
    for text in ("", "broken\n", OTHER):
        (tmp_path / "mountinfo").write_text(text)
        monkeypatch.setattr(mounts, "MOUNTS", tmp_path / "mountinfo")
        assert network(tmp_path) == ""
    monkeypatch.setattr(mounts, "MOUNTS", tmp_path / "nothing")
    assert network(tmp_path) == ""
