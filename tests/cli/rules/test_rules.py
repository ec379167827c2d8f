"""`guard rules`."""

from click.testing import CliRunner

from guard.cli import main
from guard.cli.rules import COMMANDS


def test_commands_are_listed_in_the_order_one_needs_them():
    """With what each is for."""
    shown = CliRunner().invoke(main, ["rules", "--help"]).stdout
    places = [shown.index(f"\n  {name} ") for name in COMMANDS]
    assert places == sorted(places)
