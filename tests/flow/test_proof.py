"""The journal's proofs hold for other tools than the guard's own."""

import re
import stat
import subprocess
import sys
from base64 import b64encode
from pathlib import Path

import pytest

from guard.evidence.verify import verify
from guard.journal.folder import PLAIN, segments
from guard.proof.checkpoint import opened
from tests.support.sealing import seal_all, sign_checkpoint, signer, write_log

DOCUMENT = (Path(__file__).parents[2] / "docs" / "proof.md").read_text()
ZSTD = f"""#!{sys.executable}
import sys
from guard.archive.compression import zstd
sys.stdout.buffer.write(zstd.decompress(open(sys.argv[2], "rb").read()))
"""


@pytest.fixture
def documented(tmp_path):
    """Runs the program in docs/proof.md on a log's folder; where there is no `zstd` program, a stand-in is one."""
    (program,) = re.findall(r"```python\n(.*?)```", DOCUMENT, re.DOTALL)
    stand_in = tmp_path / "bin" / "zstd"
    stand_in.parent.mkdir()
    stand_in.write_text(ZSTD)
    stand_in.chmod(stat.S_IRWXU)

    def run(folder, size):
        path = f"{stand_in.parent}:{Path(sys.executable).parent}"
        return subprocess.run(
            [sys.executable, "-c", program, folder, str(size)],
            env={"PATH": path, "PYTHONPATH": str(Path(__file__).parents[2])},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def test_the_documented_program_comes_to_the_signed_root(tmp_path, documented):
    """What docs/proof.md shows computes the signed root, from plain and sealed segments, and finds a change."""
    journal = tmp_path / "journal"
    write_log(journal, [5, 6, 7])
    seal_all(journal)
    checkpoint = opened(sign_checkpoint(journal, size=19), [signer().verifier])
    assert verify(journal, [signer().verifier]).sound
    found = documented(journal / "w1", checkpoint.size)
    assert found.stdout == f"19 {b64encode(checkpoint.root).decode()}\n", found.stderr
    path = segments(journal, "w1")[2].path(PLAIN)
    path.write_bytes(path.read_bytes().replace(b'"at":1014', b'"at":1015'))
    changed = documented(journal / "w1", checkpoint.size)
    assert (changed.returncode, changed.stderr) == (1, "record 15 is not what was written\n")
