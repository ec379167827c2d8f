"""The fuzzer's own machinery, as far as it goes without atheris."""

import sys
from importlib.util import find_spec

import pytest
from click.testing import CliRunner

from loadtests import fuzz
from loadtests.targets import TARGETS


def test_unknown_target_is_refused():
    """A target that does not exist is named, with those that do."""
    result = CliRunner().invoke(fuzz.main, ["--only", "requests,cookies"])
    assert result.exit_code == 2
    assert f"'cookies' is none of {', '.join(TARGETS)}" in result.output


@pytest.mark.skipif(find_spec("atheris") is not None, reason="atheris is there")
def test_missing_atheris_is_named():
    """Without the fuzzer the command says what sets it up."""
    result = CliRunner().invoke(fuzz.main, [])
    assert result.exit_code == 1
    assert "`make fuzz`" in result.output


FUZZER = """
import pathlib, sys
options = dict(word.split("=", 1) for word in sys.argv if word.startswith("-") and "=" in word)
pathlib.Path(options["-artifact_prefix"] + "crash-1").write_bytes(b"bad") if {found} else None
print("#2 NEW cov: 12 ft: 3", file=sys.stderr)
print("stat::number_of_executed_units: 345", file=sys.stderr)
print("=== Uncaught Python exception: ===\\nAssertionError: no", file=sys.stderr)
sys.exit({code})
"""


@pytest.mark.parametrize(
    ("found", "code", "exit_code", "says"),
    [
        (False, 0, 0, "requests: 345 inputs in"),
        (True, 77, 1, "AssertionError: no"),
        (False, 1, 1, "the fuzzer ended with 1"),
    ],
)
def test_what_is_found_is_the_exit_code(tmp_path, monkeypatch, found, code, exit_code, says):
    """A run that found something, or did not run, ends with 1; the input that broke it is named and kept."""
    program = tmp_path / "python"
    script = tmp_path / "fuzzer.py"
    script.write_text(FUZZER.format(found=found, code=code))
    program.write_text(f'#!/bin/sh\nexec {sys.executable} {script} "$@"\n')
    program.chmod(0o755)
    monkeypatch.setattr("sys.executable", str(program))
    monkeypatch.setattr(fuzz, "find_spec", lambda _name: True)
    result = CliRunner().invoke(fuzz.main, ["--only", "requests", "--seconds", "1", "--dir", str(tmp_path / "kept")])
    assert result.exit_code == exit_code
    assert says in result.output
    kept = list((tmp_path / "kept" / "requests" / "found").iterdir())
    assert len(kept) == found
    assert [str(path) in result.output for path in kept] == [True] * len(kept)
    assert len(list((tmp_path / "kept" / "requests" / "corpus").iterdir())) == len(TARGETS["requests"].seeds)
