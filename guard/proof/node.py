"""The node's name: which guard's journal this is, among all those that somebody keeps checkpoints of."""

from __future__ import annotations

import re
import secrets
import socket
from pathlib import Path

from guard.proof.files import make_once

FILE = "node"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")

_ODD = re.compile(r"[^A-Za-z0-9._-]+")


def node_name(state: Path) -> str:
    """The name kept in the state folder, made once: the host's, and something that no other has.

    Raises:
        OSError: the file cannot be read or made.
        ValueError: it holds no name.
    """
    path = state / FILE
    found = make_once(path, f"{_suggestion()}\n".encode(), 0o644).decode(errors="replace").strip()
    if not NAME.fullmatch(found):
        raise ValueError(
            f"{path}: {found[:64]!r} is no node's name; expected letters, digits, dots, dashes and underscores,"
            " at most 64; restore it from a backup"
        )
    return found


def _suggestion() -> str:
    host = _ODD.sub("-", socket.gethostname().partition(".")[0])[:40].strip("._-") or "node"
    return f"{host}-{secrets.token_hex(4)}"
