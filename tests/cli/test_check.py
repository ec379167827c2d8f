"""`guard check`."""

import json

import pytest
from click.testing import CliRunner

from guard.cli import main
from guard.cli.check import examine
from tests.cli.running import CONFIG, RULE, configure
from tests.support.certificates import Certificates


def check(path, *options):
    """Run `guard check`."""
    return CliRunner().invoke(main, ["check", "--config", path, *options])


def test_right_configuration_is_summed_up(tmp_path):
    """What is right is told in one line with what there is of everything."""
    path = configure(tmp_path)
    result = check(path)
    counts = "models 1, versions 1, routes 1, clients 0, blocks 0, limits 0, rules 1"
    assert (result.exit_code, result.stdout) == (0, f"{path} is right: {counts}\n")
    document = json.loads(check(path, "--json").stdout)
    assert (document["ok"], document["errors"], document["config"]) == (True, [], path)
    assert document["summary"]["rules"] == 1
    assert len(document["summary"]["rules_hash"]) == 64


def test_errors_of_both_are_told(tmp_path):
    """Errors in the configuration and in the rules are told in one run, and the exit code is 1."""
    path = configure(tmp_path, CONFIG + "stat: 1\nadmin: {listen: x}\n", RULE.replace("high", "hihg"))
    result = check(path)
    assert (result.exit_code, result.stdout) == (1, "")
    lines = result.stderr.splitlines()
    assert f"{path}:4: stat: there is no key stat here" in lines[0]
    assert f"{path}:5: admin.listen: " in lines[1]
    assert "inj-0001" in lines[2]
    document = json.loads(check(path, "--json").stdout)
    assert document["ok"] is False
    assert [error.get("path") for error in document["errors"]] == ["stat", "admin.listen", None]
    assert document["errors"][0]["line"] == 4
    assert all(error["message"] for error in document["errors"])


@pytest.mark.parametrize("content", [None, "not a certificate", ""])
def test_certificates_are_tried(tmp_path, content):
    """A file with certificates that is missing, or has none, is an error that names the key."""
    path = configure(tmp_path, CONFIG.replace('9"}', '9", ca: ca.pem}'))
    if content is not None:
        (tmp_path / "ca.pem").write_text(content)
    result = check(path)
    assert result.exit_code == 1
    assert f"models.chat.versions.v1.ca: {tmp_path}/ca.pem cannot be used (" in result.stderr


def test_no_rules_is_right(tmp_path):
    """A configuration without rules is right."""
    verdict = examine(tmp_path / configure(tmp_path, CONFIG + "rules: {dir: null}\n"))
    assert (verdict.errors, verdict.summary["rules"]) == ([], 0)


def test_missing_rules_are_an_error(tmp_path):
    """A rules folder that is named and not there is an error."""
    verdict = examine(tmp_path / configure(tmp_path, CONFIG + "rules: {dir: elsewhere}\n"))
    assert len(verdict.errors) == 1
    assert f"rules.dir: the folder '{tmp_path}/elsewhere' does not exist; expected" in str(verdict.errors[0])


def test_the_listener_s_certificates_are_tried(tmp_path):
    """Files that do not fit together are an error that names the key; those that do are right."""
    files, other = Certificates(tmp_path), Certificates(tmp_path, "other")
    for key, told in ((files.key, None), (other.key, f"data.tls.key: {other.key} belongs to another certificate")):
        tls = f"tls: {{certificate: {files.certificate.name}, key: {key.name}}}"
        path = configure(tmp_path, CONFIG.replace("data: {", f"data: {{{tls}, "))
        result = check(path)
        assert (result.exit_code, told or "is right" in result.stdout) == (int(told is not None), told or True)
        assert told is None or f"guard: {path}: {told}; expected" in result.stderr


def test_the_folder_of_a_witness_is_there(tmp_path):
    """A witness whose folder is missing (a disk that is not mounted) is an error that names it."""
    path = configure(tmp_path, CONFIG + "journal: {witnesses: [{file: mount/checkpoints}]}\n")
    result = check(path)
    assert result.exit_code == 1
    assert f"journal.witnesses[0].file: there is no folder {tmp_path}/mount;" in result.stderr
    (tmp_path / "mount").mkdir()
    assert check(path).exit_code == 0


@pytest.mark.parametrize("part", ['journal: {ship: {redis: {url: "redis://h"}}}', 'store: {url: "redis://h"}'])
def test_redis_needs_its_library(tmp_path, monkeypatch, part):
    """Without the extra that it needs, shipping is an error that says how to install it; and so is sharing."""
    path = configure(tmp_path, f"{CONFIG}{part}\n")
    assert check(path).exit_code == 0
    monkeypatch.setattr("guard.cli.check.find_spec", lambda _: None)
    assert "pip install 'guard-gateway[redis]'" in check(path).stderr


def test_the_stores_certificates_are_tried(tmp_path):
    """A file that is none of certificates is an error that names the key, and not the URL beside it."""
    path = configure(tmp_path, CONFIG + 'store: {url: "rediss://:s3cret@h", ca: guard.yaml}\n')
    result = check(path)
    assert result.exit_code == 1
    assert f"store.ca: {tmp_path}/guard.yaml cannot be used" in result.stderr
    assert "s3cret" not in result.output


def test_traces_need_their_library(tmp_path, monkeypatch):
    """Likewise; and where nobody asks for traces nobody misses it."""
    path = configure(tmp_path, CONFIG + "tracing: {endpoint: 'http://127.0.0.1:4318/v1/traces'}\n")
    assert check(path).exit_code == 0
    monkeypatch.setattr("guard.cli.check.find_spec", lambda _: None)
    assert "pip install 'guard-gateway[otel]'" in check(path).stderr


def test_the_admin_listeners_certificate_is_looked_at(tmp_path):
    """One that cannot be used is told before anything is started."""
    tls = "admin: {tls: {certificate: nowhere.pem, key: nowhere.key}}\n"
    result = check(configure(tmp_path, CONFIG + tls))
    assert result.exit_code == 1
    assert "admin.tls.certificate: " in result.stderr
