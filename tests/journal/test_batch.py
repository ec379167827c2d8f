"""The records of one turn have one fate."""

from guard.journal.batch import Batch


def test_those_who_wait_are_told_in_order():
    """First that it is written, then that it is durable."""
    batch = Batch()
    told: list[object] = []
    batch.after_write.append(lambda ok: told.append(("written", ok)))
    batch.when_durable(lambda ok: told.append(("durable", ok)))
    batch.written()
    batch.written()
    batch.settle(durable=True)
    assert told == [("written", True), ("durable", True)]


def test_a_fate_before_the_write_is_told_to_all():
    """Who waits for the write hears of a failure too."""
    batch = Batch()
    told: list[object] = []
    batch.after_write.append(lambda ok: told.append(("written", ok)))
    batch.when_durable(lambda ok: told.append(("durable", ok)))
    batch.settle(durable=False)
    batch.written()
    assert told == [("written", False), ("durable", False)]
