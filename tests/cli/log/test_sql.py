"""`guard log sql`."""

import json

import pytest
from click.testing import CliRunner

from guard.cli import main
from guard.cli.log import sql as module
from tests.cli.running import exchange
from tests.support.journals import Log


@pytest.fixture
def journal(tmp_path):
    """A log of three exchanges, one of a client with a hostile name, and one of a hostile shape."""
    log = Log(tmp_path)
    log.add(*exchange("id-1", 1), *exchange("id-2", 2, client={"name": "\x1b[2J"}), *exchange("id-3", 3))
    log.add(*exchange("odd", 4, client=7))
    return tmp_path


def sql(journal, *arguments):
    """Run `guard log sql`."""
    return CliRunner().invoke(main, ["log", "sql", *arguments, "--journal", str(journal)])


def test_table_is_for_people(journal):
    """Rows come as a table, in which nothing acts on the terminal; what is null is a dash."""
    result = sql(journal, "select client, count(*) n, null x from exchanges group by 1 order by 2")
    assert [line.split() for line in result.stdout.splitlines() if line.strip()] == [
        ["client", "n", "x"],
        ["─" * 15],
        ["\\x1b[2J", "1", "-"],
        ["web", "2", "-"],
    ]
    assert "the exchange odd is left out" in result.stderr


def test_json_is_a_row_a_line(journal):
    """With --json each row is an object; values that JSON has no word for are numbers or texts."""
    query = "select id, id, began, sum(total_us)::hugeint s, 1.5::decimal(4,2) d, 'a'::blob b, uuid() u from exchanges"
    result = sql(journal, f"{query} group by all order by 1", "--since", "1970-01-01T00:00:02", "--json")
    first, _ = map(json.loads, result.stdout.splitlines())
    assert len(first.pop("u")) == 36
    assert first == {
        "id": "id-2", "id_2": "id-2", "began": "1970-01-01T00:00:02+00:00", "s": 2500, "d": 1.5, "b": "61",
    }  # fmt: skip


def test_long_tables_are_cut(journal, monkeypatch):
    """Beyond a number of rows, and of characters in one, it is said that there is more."""
    monkeypatch.setattr(module, "ROWS", 2)
    monkeypatch.setattr(module, "CELL", 4)
    result = sql(journal, "select repeat('x', 9), id from exchanges")
    assert result.stdout.count("xxx…") == 2
    assert "… and more than these 2 rows" in result.stdout


@pytest.mark.parametrize("query", ["select", "drop table exchanges", "select * from read_text('/etc/passwd')"])
def test_wrong_questions_are_trouble(journal, query):
    """What cannot be answered is told in words, and is exit code 1."""
    result = sql(journal, query)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("guard: ")


def test_columns_that_do_not_fit_stand_one_below_the_other(journal):
    """A table of many columns would have one letter in each; numbers of a table stand to the right."""
    result = sql(journal, "select * from exchanges order by id limit 2")
    lines = result.stdout.splitlines()
    assert lines[0] == "--- row 1"
    assert lines[1].split() == ["id", "id-1"]
    assert "--- row 2" in lines
    lines = sql(journal, "select id, length(id) * 100 n from exchanges").stdout.splitlines()
    assert lines[3] == " id-1   400 "


def test_meaningless_times_are_trouble(journal):
    """Bounds with nothing between them are a wrong command line, as for a search; so is no such log trouble."""
    assert sql(journal, "select 1 from exchanges", "--since", "1h", "--until", "2h").exit_code == 2
    result = sql(journal, "select id from exchanges", "--log", "w7")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "guard: there are no exchanges in a log 'w7'; expected one of w1\n"
