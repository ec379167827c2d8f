"""The loop of kills: a few of them on a real guard, and that a loss would be seen."""

import asyncio

from guard.evidence.verify import verify
from guard.proof.keys import known_keys
from loadtests.kills import run
from loadtests.ledger import Ledger
from tests.support.journals import exchange, write_segment


def test_no_id_is_lost(tmp_path):
    """Guards that are killed under load leave a journal that has every id, and goes on where it was."""
    report = asyncio.run(run(3, 1, tmp_path))
    assert report["missing"] == 0
    assert report["clients"] + report["model"] > 0
    verified = verify(tmp_path / "state" / "journal", known_keys(tmp_path / "state"))
    assert verified.problems == ()
    assert sum(log.records for log in verified.logs) > 0


def test_a_lost_id_is_missed(tmp_path):
    """An id that a client or a model saw, and that no record has, is told."""
    write_segment(tmp_path, exchange("1-a-1"))
    ledger = Ledger()
    ledger.clients |= {"1-a-1", "1-a-2"}
    ledger.model |= {"1-a-1", "1-a-3"}
    assert ledger.missing(tmp_path) == {"1-a-2", "1-a-3"}
