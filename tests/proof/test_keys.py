"""The signing key's file, and keys to verify with."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from guard.proof.keys import for_log, known_keys, read_keys, signer, signing_key
from guard.proof.node import node_name
from guard.proof.note import NoteError, Signer, verified

SIGNER = Signer("node-1/w1", Ed25519PrivateKey.from_private_bytes(bytes(32)))


def test_the_key_is_made_once_for_its_owner_alone(tmp_path):
    """The first call makes the key with mode 0600, later ones give the same."""
    key = signing_key(tmp_path)
    assert signing_key(tmp_path).private_bytes_raw() == key.private_bytes_raw()
    assert (tmp_path / "journal.key").stat().st_mode & 0o777 == 0o600
    assert signer(tmp_path, "node-1", "w1").name == "node-1/w1"


def test_a_key_that_others_can_read_is_refused(tmp_path):
    """What others could have copied signs nothing, until somebody says that it is well."""
    signing_key(tmp_path)
    (tmp_path / "journal.key").chmod(0o640)
    with pytest.raises(ValueError, match="others may read or change"):
        signing_key(tmp_path)


@pytest.mark.parametrize("content", [b"", b"\xff", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"])
def test_what_is_no_key_is_refused(tmp_path, content):
    """A file that holds no key is told, and not written over."""
    path = tmp_path / "journal.key"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(ValueError, match="no Ed25519 key in PEM"):
        signing_key(tmp_path)
    assert path.read_bytes() == content


def test_one_key_stands_for_all_logs_of_its_node():
    """The key of one log verifies what the same node signs for another, and nothing of another node."""
    other = Signer("node-1/control", SIGNER.key)
    assert verified(other.sign("a\n"), for_log([SIGNER.verifier], "control"))[0] == "a\n"
    stranger = Signer("node-2/control", SIGNER.key)
    with pytest.raises(NoteError, match="no key that is trusted here"):
        verified(stranger.sign("a\n"), for_log([SIGNER.verifier], "control"))


def test_keys_are_read_a_line_each():
    """Comments and blank lines are left out; a text without a key is an error."""
    assert read_keys(f"# kept since spring\n\n{SIGNER.verifier}\n") == [SIGNER.verifier]
    with pytest.raises(NoteError, match="no verifier key in it"):
        read_keys("# none\n")
    with pytest.raises(NoteError, match="expected name"):
        read_keys("nonsense\n")


def test_whoever_verifies_makes_nothing(tmp_path):
    """Without a key there is none, and none is made; with one, its public half stands for the node's logs."""
    assert known_keys(tmp_path) == []
    assert list(tmp_path.iterdir()) == []
    node = node_name(tmp_path)
    assert known_keys(tmp_path) == []
    note = signer(tmp_path, node, "w1").sign("a\n")
    assert verified(note, for_log(known_keys(tmp_path), "w1"))[0] == "a\n"
