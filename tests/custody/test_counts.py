"""What workers have counted, over restarts."""

from msgspec import msgpack

from guard.counts import Counts, histogram
from guard.custody.counts import encode, every, place, read, restored, save


def test_counters_go_on_where_they_were(tmp_path):
    """What was counted stays; what was so then is so no more."""
    counts = Counts(requests={("chat", "v1", "complete"): 3}, asked=7, signable=9)
    counts.overhead.add(0.000_15)
    counts.now.streams = 4
    save(place(tmp_path, "w1"), encode(counts))
    again = restored(place(tmp_path, "w1"))
    assert again.requests == {("chat", "v1", "complete"): 3}
    assert (again.asked, again.ended) == (7, 3)
    assert again.overhead == counts.overhead
    assert (again.now.streams, again.signable) == (0, 0)


def test_a_histogram_of_other_bounds_begins_anew(tmp_path):
    """Another release may have others; the rest goes on."""
    counts = Counts(cut=1, overhead=histogram(1.0, 2.0))
    counts.overhead.add(1.5)
    save(place(tmp_path, "w1"), encode(counts))
    again = restored(place(tmp_path, "w1"))
    assert again.cut == 1
    assert again.overhead == Counts().overhead


def test_a_file_that_cannot_be_read_counts_for_nothing(tmp_path):
    """Cut, of another kind, or not there: counting begins anew, and nobody is kept from starting."""
    path = place(tmp_path, "w1")
    assert restored(path) == Counts()
    for content in (b"", encode(Counts())[:-3], msgpack.encode({"requests": 7}), b"\xc1"):
        save(path, content)
        assert read(path) is None
        assert restored(path) == Counts()


def test_a_member_that_a_later_release_has_is_passed_over(tmp_path):
    """One may go back to the release before."""
    save(place(tmp_path, "w1"), msgpack.encode({"cut": 2, "of a later one": 1}))
    assert restored(place(tmp_path, "w1")).cut == 2


def test_every_log_has_its_own(tmp_path):
    """By its name; drafts and acknowledgements beside them are none."""
    save(place(tmp_path, "w1"), encode(Counts(cut=1)))
    save(place(tmp_path, "w10"), encode(Counts(cut=10)))
    (tmp_path / "workers" / "w1.json").write_text("{}")
    (tmp_path / "workers" / "w3.counts.draft").write_text("{}")
    (tmp_path / "workers" / "w4.counts").write_text("broken")
    assert {log: counts.cut for log, counts in every(tmp_path).items()} == {"w1": 1, "w10": 10}
    assert every(tmp_path / "nowhere") == {}
