from guard.lending import Ask, Grant


def test_what_is_not_said():
    """An ask with a need alone tells nothing of what is held, and a grant gives nothing ahead."""
    ask = Ask("0" * 32, 0.1, 5.0, 1.0, 0.0, 0.0, 0.0)
    assert (ask.held, ask.at) == (None, 0)
    assert Grant(1.0, 2.0, 0.5, 0.0).ahead == 0.0
