"""Checkpoints (C2SP tlog-checkpoint 1.0): what a log was, up to a size, as the text of a signed note.

::

    node-3f2a/w1
    20852163
    CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

    — node-3f2a/w1 Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=

The origin names the log and is also the name of the key that signs. A checkpoint kept elsewhere holds the log to all
its records before that size: none can be changed, left out or cut off unseen.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterable
from typing import NamedTuple

from guard.proof.note import NoteError, Signer, Verifier, decode, verified
from guard.proof.tree import HASH_BYTES, MAX_SIZE

_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")


class Checkpoint(NamedTuple):
    """A log's identity, how many records it had, and the root of the tree of these."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    @property
    def log(self) -> str:
        """The log's name on its node: the origin is ``node/log``."""
        return self.origin.rpartition("/")[2]

    @property
    def text(self) -> str:
        """What is signed."""
        return "\n".join((self.origin, str(self.size), b64encode(self.root).decode(), *self.extensions)) + "\n"

    def sign(self, signer: Signer) -> bytes:
        """This checkpoint as a signed note.

        Raises:
            NoteError: it has lines that a checkpoint cannot have.
        """
        parse(self.text)
        return signer.sign(self.text)


def parse(text: str) -> Checkpoint:
    """Read the text of a checkpoint.

    Raises:
        NoteError: it is none.
    """
    origin, *rest = text.removesuffix("\n").split("\n")
    if not text.endswith("\n") or len(rest) < 2 or not all((origin, *rest)):
        raise NoteError("it is no checkpoint: expected origin, size and root hash, a line each")
    size, root, *extensions = rest
    if not _SIZE.fullmatch(size) or int(size) > MAX_SIZE:
        raise NoteError(f"it is no checkpoint: {size[:32]!r} is no size of a tree")
    hashed = decode(root, "the root hash")
    if len(hashed) != HASH_BYTES:
        raise NoteError(f"it is no checkpoint: the root hash has {len(hashed)} bytes, not {HASH_BYTES}")
    return Checkpoint(origin, int(size), hashed, tuple(extensions))


def opened(data: bytes, keys: Iterable[Verifier]) -> Checkpoint:
    """The checkpoint in a note that one of these keys signed under the checkpoint's own origin.

    Raises:
        NoteError: it is no checkpoint, or not signed so.
    """
    text, key = verified(data, keys)
    found = parse(text)
    if key.name != found.origin:
        raise NoteError(f"it is a checkpoint of {found.origin}, signed by {key.name}")
    return found
