from guard.ruleset.positions import Positions


def made():
    """Three characters one to one, one made of four, two more one to one."""
    positions = Positions()
    positions.add(2, 2, exact=True)
    positions.add(1, 1, exact=True)
    positions.add(1, 4, exact=False)
    positions.add(2, 2, exact=True)
    return positions


def test_exact_runs_map_one_to_one_and_others_to_their_beginning():
    """A position in an exact run maps to its own character, in another run to where the run begins."""
    positions = made()
    assert [positions.raw(position) for position in range(7)] == [0, 1, 2, 3, 7, 8, 9]


def test_characters_that_vanish_move_the_rest():
    """Raw characters without a normalised one shift what follows."""
    positions = Positions()
    positions.add(1, 1, exact=True)
    positions.add(0, 3, exact=False)
    positions.add(1, 1, exact=True)
    assert [positions.raw(position) for position in range(3)] == [0, 4, 5]


def test_nothing_added_is_the_beginning():
    """The end of an empty map is raw index 0."""
    assert Positions().raw(0) == 0
