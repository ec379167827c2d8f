"""Signing checkpoints, over restarts and against a dishonest hand."""

import json

import pytest

from guard.custody.control import append
from guard.keeper.notary import Notary
from guard.proof.tree import of_leaves
from tests.support.growing import Growing
from tests.support.keeping import Keeping


def grown(keeping, log="w1", count=5, at=1_000.0):
    """A log with some records on disk."""
    log = Growing(keeping.journal, log)
    log.prompts(count, at)
    log.mark()
    return log


def test_checkpoints_cover_what_is_on_disk(tmp_path):
    """Each log gets a checkpoint of its own, published and kept, with the root of its durable records."""
    keeping = Keeping(tmp_path)
    logs = {name: grown(keeping, name, count) for name, count in (("w1", 5), ("w2", 9))}
    append(keeping.journal, {"type": "hold"}, reason="r")
    keeping.notary.step()
    for name, log in logs.items():
        signed = keeping.checkpoint(name)
        assert (signed.size, signed.root) == (log.position.seq - 1, of_leaves(0, log.chains[:-1]).root())
        assert signed.origin.endswith(f"/{name}")
    assert keeping.checkpoint("control").size == 2
    assert [log for log, _ in keeping.published] == ["w1", "w2", "control"]
    assert keeping.standing.signed == keeping.standing.durable == {"w1": 6, "w2": 10, "control": 2}


def test_a_log_is_signed_for_at_intervals_at_rotation_and_at_the_end(tmp_path):
    """Between two checkpoints of a log lies the interval, unless a segment is finished or the keeper ends."""
    keeping = Keeping(tmp_path, checkpoint_interval=1_000.0)
    log = grown(keeping)
    sizes = []

    def step(**more):
        keeping.notary.step(**more)
        sizes.append(keeping.checkpoint().size)

    step()
    log.mark()
    step()
    log.begin()
    step()
    log.prompts(1)
    log.mark()
    step()
    step(finish=True)
    step(finish=True)
    assert sizes == [6, 6, 8, 8, 10, 10]
    assert [keeping.opened(note).size for _, note in keeping.published] == [6, 8, 10]


def test_the_next_keeper_goes_on_where_the_last_one_was(tmp_path):
    """Little that was signed for is read again; the checkpoint that there is goes to the witnesses once more."""
    keeping = Keeping(tmp_path)
    log = Growing(keeping.journal)
    log.prompts(4)
    keeping.notary.step()
    log.prompts(1)
    log.mark()
    keeping.notary.step()
    size = log.path.stat().st_size
    with log.path.open("r+b") as file:  # so that reading it again would come to something else
        file.write(b"\0" * 100)
    log.prompts(3)
    log.mark()
    again = keeping.again()
    again.notary.step()
    assert again.checkpoint().root == of_leaves(0, log.chains[:10]).root()
    assert [again.opened(note).size for _, note in again.published] == [6, 10]
    assert log.path.stat().st_size > size


@pytest.mark.parametrize(
    "harm",
    [
        lambda path: path.unlink(),
        lambda path: path.write_bytes(b"{"),
        lambda path: path.write_text(json.dumps({**json.loads(path.read_text()), "size": 5})),
        lambda path: path.write_text(json.dumps({**json.loads(path.read_text()), "hashes": []})),
        lambda path: path.write_text(json.dumps({**json.loads(path.read_text()), "hashes": ["AAAA", "AAAA"]})),
        lambda path: path.write_text(json.dumps({**json.loads(path.read_text()), "offset": 3})),
        lambda path: path.write_text(json.dumps({**json.loads(path.read_text()), "offset": -3})),
        lambda path: path.write_text(json.dumps({**json.loads(path.read_text()), "base": 4})),
    ],
)
def test_without_what_was_kept_the_log_is_read_again(tmp_path, harm):
    """Progress that does not agree with the checkpoint is worth nothing, and costs nothing but time."""
    keeping = Keeping(tmp_path)
    log = grown(keeping)
    keeping.notary.step()
    harm(tmp_path / "keeper" / "w1.json")
    log.prompts(3)
    log.mark()
    again = keeping.again()
    again.notary.step()
    assert again.checkpoint().root == of_leaves(0, log.chains[:10]).root()


def test_sealed_segments_are_not_read_again(tmp_path):
    """A log that is read again takes sealed segments from their manifests, also when their records are gone."""
    keeping = Keeping(tmp_path)
    log = grown(keeping)
    log.begin()
    keeping.seal()
    log.prompts(3)
    log.mark()
    (tmp_path / "keeper" / "w1.json").unlink()
    (tmp_path / "journal" / "w1" / f"{0:016d}.jsonl.zst").unlink()
    again = keeping.again()
    again.notary.step()
    assert again.checkpoint().root == of_leaves(0, log.chains[:11]).root()


def test_another_past_is_not_signed_for(tmp_path, caplog):
    """Who replaces records that were signed for gets no new checkpoint, and the one that shows it stays."""
    keeping = Keeping(tmp_path)
    grown(keeping)
    keeping.notary.step()
    before = (keeping.journal / "w1" / "checkpoint").read_bytes()
    for path in (keeping.journal / "w1").glob("*.jsonl"):
        path.unlink()
    forged = grown(keeping, count=50, at=999.0)
    (tmp_path / "keeper" / "w1.json").unlink()
    again = keeping.again()
    for _ in range(3):
        again.notary.step(finish=True)
        forged.mark()
    assert (keeping.journal / "w1" / "checkpoint").read_bytes() == before
    told = [record.message for record in caplog.records]
    assert told == ["checkpoints of w1: its first 6 records are not those that its checkpoint was signed for"]


@pytest.mark.parametrize("forged", [b"", b"nothing\n", b"node/w1\n5\nAAAA=\n\n\xe2\x80\x94 node/w1 AAAAAAAA\n"])
def test_a_checkpoint_that_is_none_is_told(tmp_path, caplog, forged):
    """A checkpoint that was damaged, or signed by another, is neither relied on nor replaced; other logs go on."""
    keeping = Keeping(tmp_path)
    grown(keeping)
    grown(keeping, "w2")
    (keeping.journal / "w1" / "checkpoint").write_bytes(forged)
    keeping.notary.step()
    keeping.notary.step()
    assert (keeping.journal / "w1" / "checkpoint").read_bytes() == forged
    assert keeping.checkpoint("w2").size == 6
    (record,) = caplog.records
    assert record.message.startswith(f"checkpoints of w1: {keeping.journal}/w1/checkpoint: ")


def test_a_fault_in_one_log_is_told_once(tmp_path, caplog):
    """A log that cannot be followed is named, until it can be; a log beside it goes on."""
    caplog.set_level("INFO", "guard.keeper")
    keeping = Keeping(tmp_path)
    log, other = grown(keeping), grown(keeping, "w2")
    path = log.path
    whole = path.read_bytes()
    log.begin()
    path.write_bytes(whole[:-5])
    for _ in range(3):
        keeping.notary.step()
        other.mark()
    assert keeping.checkpoint("w2").size == 8
    (record,) = caplog.records
    assert record.message.startswith(f"checkpoints of w1: {path}: records 6 to 6 are missing or damaged; there can be")
    path.write_bytes(whole)
    keeping.notary.step()
    assert caplog.records[-1].message == "checkpoints of w1: it goes on"
    assert keeping.checkpoint().size == 7


def test_a_key_that_others_can_read_is_not_used(tmp_path):
    """The keeper does not sign with a key that others may have."""
    keeping = Keeping(tmp_path)
    (tmp_path / "journal.key").chmod(0o644)
    with pytest.raises(ValueError, match="others may read"):
        Notary(keeping.orders, keeping.standing, print)
