"""Results, printed."""

import json

from guard.cli.output import console, emit


def test_json_is_exact(capsys):
    """JSON has every character as it is, on one line."""
    value = {"a": "ü\x1b[2J\n\u202e[bold]:smile:"}
    emit(value)
    printed = capsys.readouterr().out
    assert printed.count("\n") == 1
    assert json.loads(printed) == value


def test_console_prints_what_it_is_given(capsys):
    """For people, too, nothing is taken for markup, wrapped or replaced."""
    line = "[bold]x[/bold] :smile: http://x/1 " + "y" * 300
    console().print(line)
    assert capsys.readouterr().out == line + "\n"
