from guard.policy.spare import Spare


def test_what_is_whole_is_forgotten():
    """A cell stays while its burst is not whole, or something is borrowed, or has to be told."""
    spare = Spare()
    for index, numbers in enumerate((spare.tat, spare.until, spare.spent)):
        spare.tat[index] = 0.0
        numbers[index] = 5.0
    spare.tat[7] = 5.0
    spare.sweep(4.0)
    assert sorted(spare.tat) == [0, 1, 2, 7]
    spare.sweep(5.0)
    assert sorted(spare.tat) == [2]
    assert len(spare) == 1


def test_what_is_held_is_a_sum():
    """It comes to nothing when all of it is let go, fractions too."""
    spare = Spare()
    for units in (0.1, 0.2, 0.3):
        spare.hold(1, units)
    for units in (0.1, 0.2, 0.3):
        assert spare.held(1) > 0.0
        spare.let_go(1, units)
    assert (spare.held(1), len(spare)) == (0.0, 0)
    assert spare.names[17] == 17
