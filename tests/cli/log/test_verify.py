"""`guard log verify`."""

import json

import pytest
from click.testing import CliRunner

from guard.archive.sealing import seal_next
from guard.cli import main
from guard.journal.folder import PLAIN, SEALED, segments
from guard.proof.keys import signing_key
from guard.proof.node import node_name
from guard.proof.note import Signer
from tests.cli.running import configure, guard
from tests.support.sealing import delete, seal_all, sign_checkpoint, signer, write_log


@pytest.fixture
def journal(tmp_path):
    """A journal of one log with a deleted, a sealed and a plain segment."""
    folder = tmp_path / "var" / "journal"
    write_log(folder, [3, 3, 3])
    seal_all(folder)
    delete(segments(folder, "w1")[0])
    sign_checkpoint(folder)
    return folder


def verify(*arguments):
    """Run `guard log verify`."""
    return CliRunner().invoke(main, ["log", "verify", *map(str, arguments)])


KEY = str(signer().verifier)


def test_a_copy_is_verified_with_the_public_key_alone(journal):
    """No configuration is needed: a folder and a key, and what was found in numbers."""
    result = verify("--journal", journal, "--key", KEY)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == (
        "w1: 8 records (4 to 11), 4 deleted; 3 segments, 1 of them sealed; checkpoint of 12\nsound\n"
    )


def test_keys_and_checkpoints_come_from_files(journal, tmp_path):
    """A file of keys, and files of checkpoints; what was kept holds the journal."""
    (tmp_path / "keys").write_text(f"# of the first node\n{KEY}\n")
    (tmp_path / "kept").write_bytes((journal / "w1" / "checkpoint").read_bytes())
    options = ("--key", tmp_path / "keys", "--checkpoint", tmp_path / "kept")
    assert verify("--journal", journal, *options).exit_code == 0
    segments(journal, "w1")[-1].path(PLAIN).unlink()
    (journal / "w1" / "checkpoint").unlink()
    result = verify("--journal", journal, *options, "--json")
    report = json.loads(result.stdout)
    assert (result.exit_code, report["sound"]) == (1, False)
    assert report["problems"][0]["seq"] == 8


def test_the_first_bad_record_is_named(journal):
    """Log, record, file, line, byte and reason; exit code 1."""
    path = segments(journal, "w1")[-1].path(PLAIN)
    data = path.read_bytes()
    path.write_bytes(data.replace(b'"at":1009', b'"at":1008'))
    offset = data.index(b'{"seq":10,')
    result = verify("--journal", journal, "--key", KEY)
    assert result.exit_code == 1
    assert result.stdout.splitlines()[1:] == [
        f"w1/10: w1/{path.name}, line 3, byte {offset}: its chain is not that of its content and the record before it:"
        " one of the two was changed",
        "not sound: 1 problem",
    ]


def test_records_behind_a_bad_one_are_not_said_to_be_in_their_place(journal):
    """Up to where a log is whole is told, beside how many records there are."""
    path = segments(journal, "w1")[1].path(SEALED)
    path.write_bytes(path.read_bytes()[:-9])
    assert verify("--journal", journal, "--key", KEY).stdout.startswith("w1: 4 records (whole up to 3), 4 deleted; ")


def test_the_configured_journal_has_its_own_key(tmp_path):
    """Without --journal the configuration says where the journal and the key are."""
    state = tmp_path / "var"
    folder = state / "journal"
    write_log(folder, [3, 3])
    node = node_name(state)
    seal_next(folder, "w1", Signer(f"{node}/w1", signing_key(state)))
    result = verify("--config", configure(tmp_path))
    assert result.stdout.splitlines()[-1] == "not sound: 1 problem"
    assert "the log has no checkpoint" in result.stdout


def test_without_a_key_one_is_asked_for(journal):
    """What is signed is not sound for whoever trusts nobody, which is told once, and the message says what to do."""
    result = verify("--journal", journal)
    assert result.exit_code == 1
    assert result.stdout.splitlines()[1:] == [
        "w1: what is signed here is not verified, for no key was named to trust",
        "not sound: 1 problem",
    ]
    assert result.stderr == (
        "guard: no key was named to trust; name one with --key (`guard log key`, where the guard runs, prints it)\n"
    )


def test_records_are_verified_without_a_key_too(journal):
    """What was changed in a record is found all the same."""
    path = segments(journal, "w1")[-1].path(PLAIN)
    path.write_bytes(path.read_bytes().replace(b'"at":1009', b'"at":1008'))
    assert "one of the two was changed" in verify("--journal", journal).stdout


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--key", "none"], "none: no such file or directory; expected a file"),
        (["--key", "a+b"], "a+b: this is no verifier key"),
        (["--checkpoint", "none"], "none: no such file or directory"),
        (["--checkpoint", "/dev/null"], "/dev/null: it holds no checkpoints"),
        (["--journal", "/no/where"], "there is no journal at /no/where"),
    ],
)
def test_trouble_is_told(journal, arguments, told):
    """What cannot be read, or is something else, is one line and exit code 1."""
    result = verify("--journal", journal, *arguments)
    assert (result.exit_code, result.stdout) == (1, "")
    assert told in result.stderr


def test_hostile_text_is_made_visible(journal):
    """Nothing in a forged file acts on the terminal."""
    path = journal / "w1" / "checkpoint"
    path.write_text("a\n1\n\n— \x1b]0;x\x07 AAAA\n")
    result = guard("log", "verify", "--journal", str(journal), "--key", KEY)
    assert result.returncode == 1
    assert "\x1b" not in result.stdout
    path.write_text("\u202eab\n1\nAAAA\n\n— \u202eab AAAAAAAA\n")
    assert "\\u202eab" in guard("log", "verify", "--journal", str(journal), "--key", KEY).stdout
