from guard.policy.held import Held
from guard.policy.waiting import Waiting


def test_a_verdict_is_told_when_it_is_there():
    """The last that asked for it is told, once; who asks later is told at once."""
    waiting, told = Waiting(), list[str]()
    held = Held()
    waiting.when_known(lambda _: told.append("first"))
    waiting.when_known(lambda verdict: told.append("last" if verdict is held else "other"))
    assert (told, waiting.verdict) == ([], None)
    waiting.settle(held)
    assert told == ["last"]
    waiting.when_known(lambda _: told.append("later"))
    assert told == ["last", "later"]
