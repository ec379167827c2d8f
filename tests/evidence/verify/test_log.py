"""One log, put together from its parts."""

import msgspec
import pytest

from guard.archive import manifest as manifests
from guard.evidence.verify.log import LogCheck, stated_chain
from guard.evidence.verify.outside import outside
from guard.evidence.verify.report import LogReport
from guard.evidence.verify.segment import check
from guard.journal.folder import CHECKPOINT, MANIFEST, PLAIN, SEALED, segments
from guard.proof.checkpoint import Checkpoint
from guard.proof.tree import Range, merge
from tests.support.journals import write_segment
from tests.support.sealing import delete, marks, seal_all, sign_checkpoint, signer, write_log


@pytest.fixture
def journal(tmp_path):
    """A deleted segment, two sealed ones, two plain ones, of four records each; a checkpoint of all."""
    after = write_log(tmp_path, [3, 3, 3, 3])
    seal_all(tmp_path)
    delete(segments(tmp_path, "w1")[0])
    write_log(tmp_path, [3], after=after)
    sign_checkpoint(tmp_path)
    return tmp_path


def verified(journal, kept=b""):
    """The log's report, and what is wrong."""
    found = outside("kept", kept) if kept else []
    one = LogCheck(journal, "w1", [signer().verifier], found)
    report = one.conclude({task: check(task) for task in one.tasks})
    return report, [str(problem) for problem in one.problems], one.notes


def test_a_whole_log_is_told_in_numbers(journal):
    """Records that are there and that were deleted, files, and how far the checkpoint goes."""
    report, problems, notes = verified(journal)
    assert (problems, notes) == ([], [])
    assert report == LogReport("w1", 16, 4, 20, 20, 4, 5, 2, 20)


@pytest.mark.parametrize(
    ("numbers", "told"),
    [
        ([0], "w1/0: records 0 to 3 are missing, with all that was said about them"),
        ([1], "w1/4: records 4 to 7 are missing, with their files"),
        ([1, 2], "w1/4: records 4 to 11 are missing, with their files"),
        ([3], "w1/12: records 12 to 15 are missing, with their files"),
        ([4], "w1/16: w1/checkpoint: the log ends before this record, but a checkpoint covers 20 records"),
        ([3, 4], "w1/12: this record is missing, with its file: what is sealed is never the last"),
        ([0, 1, 2, 3, 4], "w1/0: w1/checkpoint: the log ends before this record, but a checkpoint covers 20 records"),
    ],
)
def test_segments_that_are_missing_are_told(journal, numbers, told):
    """With all their files gone, the first record that is missing is named."""
    found = segments(journal, "w1")
    for number in numbers:
        for path in found[number].folder.glob(f"{found[number].base:016d}*"):
            path.unlink()
    assert told in verified(journal)[1]


def test_a_cut_tail_is_found_by_what_was_kept_elsewhere(journal):
    """With the checkpoint beside the log rolled back too, one that was kept elsewhere tells."""
    kept = (journal / "w1" / CHECKPOINT).read_bytes()
    sign_checkpoint(journal, size=17)
    path = segments(journal, "w1")[-1].path(PLAIN)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:2]))
    assert verified(journal)[1] == []
    assert verified(journal, kept)[1] == [
        "w1/18: kept: the log ends before this record, but a checkpoint covers 20 records"
    ]


def test_a_chain_made_anew_is_found_where_it_can_have_begun(journal):
    """Who writes all records again cannot sign for them: the first that can be another is named."""
    found = segments(journal, "w1")
    for segment in found[3:]:
        segment.path(PLAIN).unlink()
    after = manifests.manifest_of(found[2]).goes_on
    after = write_segment(journal, marks(3, start=99), after=after, why="rotation")
    write_log(journal, [3], after=after)
    assert verified(journal)[1] == [
        "w1/12: w1/checkpoint: at least one of the records 12 to 19 is not what this checkpoint was signed for,"
        " and the chain was made anew"
    ]


def test_checkpoints_among_deleted_records_cannot_be_compared(journal):
    """That is no problem, and it is said. At the ends of deleted segments they can."""
    delete(segments(journal, "w1")[1])
    for size in (4, 8, 0):
        kept = sign_kept(journal, size)
        assert verified(journal, kept)[1:] == ([], [])
    assert verified(journal, sign_kept(journal, 6))[1:] == (
        [], ["w1: kept ends among deleted records, so that it cannot be compared"],
    )  # fmt: skip


def sign_kept(journal, size):
    """A checkpoint of so many records; where the records are gone, its root is made up."""
    tree = Range(0, 0)
    for segment in segments(journal, "w1"):
        if segment.manifest and tree.end < size:
            tree = merge(tree, manifests.manifest_of(segment).leaves)
    return Checkpoint("node-3f2a/w1", size, tree.root()).sign(signer())


def test_a_checkpoint_of_another_key_or_log_is_told(journal):
    """What is kept elsewhere must be signed by whom one trusts."""
    kept = (journal / "w1" / CHECKPOINT).read_bytes()
    assert "no key that is trusted" in verified(journal, kept.replace(b"node-3f2a/w1", b"node-9999/w1"))[1][0]


def test_a_checkpoint_older_than_what_is_sealed_is_told(journal):
    """The keeper signs for records before it seals them."""
    sign_checkpoint(journal, size=4)
    assert verified(journal)[1] == [
        "w1/4: w1/checkpoint: it covers 4 records, but those up to 11 were sealed, which comes after"
    ]


def test_manifests_join(journal):
    """A signed manifest that does not go on where the one before ended is told."""
    first, second, *_ = segments(journal, "w1")
    manifest = manifests.manifest_of(second)
    other = msgspec.structs.replace(manifest, before=bytes(32))
    second.path(MANIFEST).write_bytes(other.sign(signer()))
    assert "w1/4: its manifest is not about what follows the segment before" in verified(journal)[1]
    second.path(MANIFEST).write_bytes(manifest.sign(signer()))
    third = segments(journal, "w1")[2]
    for suffix in (SEALED, MANIFEST):
        third.path(suffix).rename(third.folder / f"{third.base - 1:016d}{suffix}")
    assert "w1/7: the segment before has the records up to 7, and this one begins earlier" in verified(journal)[1]
    assert first.deleted


def test_a_log_that_moved_on_says_so(journal):
    """Another file or another checkpoint is something else than there was."""
    one = LogCheck(journal, "w1", [signer().verifier], [])
    assert not one.moved
    assert one.signed
    sign_checkpoint(journal, size=19)
    assert one.moved


def test_the_chain_that_a_record_states_is_found_from_the_end(tmp_path):
    """Also behind records that do not count; and where it is not, that is no fault."""
    after = write_log(tmp_path, [40], size=4_000)
    write_segment(tmp_path, marks(3), after=after)
    segment, other = segments(tmp_path, "w1")
    assert stated_chain(segment, 40) == after.chain
    assert stated_chain(segment, 1) is not None
    assert stated_chain(segment, 41) is None
    other.path(PLAIN).unlink()
    assert stated_chain(other, 41) is None
