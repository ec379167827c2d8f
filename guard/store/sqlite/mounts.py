"""Where a file is: on a disk of this machine's, or on a file system that others have too."""

from __future__ import annotations

import os
from pathlib import Path

MOUNTS = Path("/proc/self/mountinfo")
NETWORK = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "ceph", "lustre", "beegfs", "afs", "gfs2", "ocfs2", "glusterfs", "sshfs"}
)
"""File systems on which machines do not see the memory that processes share through a file, as SQLite needs it."""


def network(folder: Path) -> str:
    """The name of the network file system that a folder is on; empty: it is on none, or there is no telling.

    The lines are those of proc_pid_mountinfo(5): the third field is the device, the type comes behind a lone ``-``.
    """
    try:
        device = folder.stat().st_dev
        lines = MOUNTS.read_text(errors="replace").splitlines()
    except OSError:
        return ""
    wanted = f"{os.major(device)}:{os.minor(device)}"
    for line in lines:
        mount, _, kind = line.partition(" - ")
        if mount.split()[2:3] == [wanted]:
            found = kind.partition(" ")[0]
            return found if found.removeprefix("fuse.") in NETWORK else ""
    return ""
