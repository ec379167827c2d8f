"""What a configuration comes to."""

import pytest

from guard.assembly import custody, decide, journal_folder
from guard.custody.control import append
from guard.ruleset.bundle import BundleError
from tests.support.guard import configure, one_model


def test_a_configuration_comes_to_a_policy(tmp_path):
    """With its rules, in the version that it is given; without certificates there is no TLS."""
    decisions = decide(configure(tmp_path, one_model("http://127.0.0.1:9")), 7)
    assert decisions.policy.version == 7
    assert len(decisions.policy.rules.rules) == 4
    assert decisions.tls is None


def test_rules_that_are_not_fit_are_an_error(tmp_path):
    """Nothing is built of them."""
    with pytest.raises(BundleError, match="level"):
        decide(configure(tmp_path, one_model("http://127.0.0.1:9"), rules="- {id: x, level: hihg}"))


def test_what_the_journal_says_of_its_writer(tmp_path):
    """The node, and hashes of what it was told: the same for the same words, others for others; no secret in them."""
    first = configure(tmp_path, one_model("http://127.0.0.1:9", more="clients: {app: {key: sk-secret-1}}"))
    other = configure(tmp_path, one_model("http://127.0.0.1:9", more="clients: {app: {key: sk-secret-2}}"))
    told, again, changed = (custody(one, decide(one).policy) for one in (first, first, other))
    assert told == again
    assert told["node"] == changed["node"]
    assert told["rules"] == changed["rules"]
    assert told["config"] != changed["config"]
    assert len(told["config"]) == 64
    assert "secret" not in str(told)
    assert (told["measures"], told["policy"]) == (0, 1)


def test_the_journal_is_in_the_state_folder(tmp_path):
    """Where the control log is too."""
    config = configure(tmp_path, one_model("http://127.0.0.1:9"))
    append(journal_folder(config), {"type": "hold"}, reason="r")
    assert (tmp_path / "state" / "journal" / "control").is_dir()
