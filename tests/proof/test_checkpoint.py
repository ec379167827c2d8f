"""Checkpoints: the text that says what a log was."""

from hashlib import sha256

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from guard.proof.checkpoint import Checkpoint, opened, parse
from guard.proof.note import NoteError, Signer

EXAMPLE = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
SIGNER = Signer("node-1/w1", Ed25519PrivateKey.from_private_bytes(bytes(32)))
ROOT = sha256().digest()


def test_published_example_is_read():
    """The example in the format's document is read and written the same."""
    found = parse(EXAMPLE)
    assert (found.origin, found.size, found.root.hex()[:8], found.extensions) == (
        "example.com/behind-the-sofa",
        20_852_163,
        "0ac5186a",
        (),
    )
    assert found.text == EXAMPLE


@pytest.mark.parametrize("checkpoint", [Checkpoint("node-1/w1", 0, ROOT), Checkpoint("node-1/w1", 9, ROOT, ("a", "b"))])
def test_signed_checkpoint_comes_back(checkpoint):
    """What was signed opens with the key of its origin; the origin tells the log."""
    assert opened(checkpoint.sign(SIGNER), [SIGNER.verifier]) == checkpoint
    assert checkpoint.log == "w1"


def test_the_key_is_that_of_the_origin():
    """A log's key signs for no other log."""
    note = SIGNER.sign(Checkpoint("node-1/w2", 1, ROOT).text)
    with pytest.raises(NoteError, match="checkpoint of node-1/w2, signed by node-1/w1"):
        opened(note, [SIGNER.verifier])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "expected origin"),
        ("a\n1\n", "expected origin"),
        (EXAMPLE[:-1], "expected origin"),
        (EXAMPLE + "\n", "expected origin"),
        ("\n" + EXAMPLE, "expected origin"),
        (EXAMPLE.replace("20852163", "020852163"), "no size"),
        (EXAMPLE.replace("20852163", "-1"), "no size"),
        (EXAMPLE.replace("20852163", "٣"), "no size"),
        (EXAMPLE.replace("20852163", "9" * 20), "no size"),
        (EXAMPLE.replace("q2I=", "q2J="), "not base64"),
        ("a\n1\nAAAA\n", "3 bytes, not 32"),
    ],
)
def test_what_is_no_checkpoint_is_refused(text, told):
    """Lines that are missing, empty or malformed are refused with a reason, and not signed."""
    with pytest.raises(NoteError, match=told):
        parse(text)
