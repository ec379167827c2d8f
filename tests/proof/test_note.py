"""Signed notes, held to the examples that the format's and Go's documents publish."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from guard.proof.note import MAX_BYTES, NoteError, Signer, Verifier, parse, parse_key, verified

EXAMPLES = [
    (  # c2sp.org/signed-note
        "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "This is an example message.\n"
        "\n"
        "— example.com/foo "
        "Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n",
    ),
    (  # golang.org/x/mod/sumdb/note
        "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "If you think cryptography is the answer to your problem,\n"
        "then you don't know what your problem is.\n"
        "\n"
        "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n",
    ),
]
KEY, TEXT = EXAMPLES[0]
NOTE = TEXT.encode()
SIGNER = Signer("node/w1", Ed25519PrivateKey.from_private_bytes(bytes(32)))


@pytest.mark.parametrize(("key", "note"), EXAMPLES)
def test_published_examples_verify(key, note):
    """The published keys are read, written the same, and verify their notes."""
    verifier = parse_key(key)
    assert str(verifier) == key
    assert verified(note.encode(), [verifier]) == (note.partition("\n\n")[0] + "\n", verifier)


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc"])), st.text("ab\n"))
def test_what_is_signed_verifies(text, more):
    """Any text that a note can have comes back, empty lines in it too."""
    text = f"{text}\n{more}\n"
    assert verified(SIGNER.sign(text), [parse_key(KEY), SIGNER.verifier]) == (text, SIGNER.verifier)


def test_every_changed_bit_is_found():
    """A note with any one bit changed does not verify: there is one spelling of it."""
    note = bytearray(SIGNER.sign("a\nb\n"))
    for bit in range(len(note) * 8):
        note[bit // 8] ^= 1 << bit % 8
        with pytest.raises(NoteError):
            verified(bytes(note), [SIGNER.verifier])
        note[bit // 8] ^= 1 << bit % 8


def test_signatures_of_others_are_left_alone():
    """A line by a key that is not known, under a known name too, changes nothing; nor does a second known one."""
    stranger = Signer("node/w1", Ed25519PrivateKey.from_private_bytes(b"1" * 32))
    line = stranger.sign("a\n").partition(b"\n\n")[2]
    note = SIGNER.sign("a\n")
    assert verified(note + line, [SIGNER.verifier]) == ("a\n", SIGNER.verifier)
    assert verified(note + line, [stranger.verifier]) == ("a\n", stranger.verifier)
    assert len(parse(note + line).signatures) == 2


def test_a_wrong_signature_of_a_known_key_refuses_the_note():
    """One right signature does not save a note that another known key's wrong one is on."""
    other = Signer("node/w2", Ed25519PrivateKey.from_private_bytes(b"1" * 32))
    wrong = other.sign("b\n").partition(b"\n\n")[2]
    with pytest.raises(NoteError, match="node/w2 is not that of this text"):
        verified(SIGNER.sign("a\n") + wrong, [SIGNER.verifier, other.verifier])


@pytest.mark.parametrize(
    ("note", "told"),
    [
        (b"", "expected a text"),
        (b"\xff\n\n", "not UTF-8"),
        (NOTE.replace(b" is", b"\ris"), "control characters"),
        (NOTE.replace(b"\n\n", b"\n"), "expected a text"),
        (NOTE[:-1], "expected a text"),
        (TEXT.partition("— ")[0].encode(), "expected a text"),
        (NOTE + b"\n", "expected a text"),
        (NOTE.replace("— ".encode(), b"- "), "a line of signatures"),
        (NOTE.replace(b"foo Uw", b"fooUw"), "a line of signatures"),
        (NOTE.replace(b"foo Uw", b"foo  Uw"), "not base64"),
        (NOTE.replace(b"aQM=", b"aQN="), "not base64 as it is written"),
        (NOTE.replace(b"aQM=", b"aQM"), "not base64"),
        (NOTE.replace(b"example.com/foo", "a\u2003b".encode()), "no name of a key"),
        (NOTE.replace(b"example.com/foo", b"a+b"), "no name of a key"),
        ("a\n\n— a AAAA\n".encode(), "too short"),
        (b"a\n\n" + "— a AAAAAAAA\n".encode() * 65, "more than 64"),
        (b"a" * MAX_BYTES + NOTE, "longer than"),
        (NOTE.replace(b"example.com/foo", b"example.com/bar"), "example.com/bar.530d903a, which is no key"),
        (NOTE.replace(b"This", b"That"), "one of the two was changed"),
    ],
)
def test_what_is_no_note_is_refused(note, told):
    """What is malformed, unsigned or changed is refused with a reason, never with a fault."""
    with pytest.raises(NoteError, match=told):
        verified(note, [parse_key(KEY)])


@given(st.binary(max_size=200) | st.text("—+ \na=", max_size=60).map(str.encode))
def test_anything_at_all_is_a_note_or_an_error(data):
    """No input has another outcome than a note or a `NoteError`."""
    try:
        parse(data)
    except NoteError:
        return


@pytest.mark.parametrize(
    ("key", "told"),
    [
        ("", "no verifier key"),
        ("a+b", "no verifier key"),
        ("+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k", "no name"),
        (KEY.replace("530d", "530e"), "its id is 530d903a"),
        (KEY.replace("530d903a", "530D903A"), "its id is 530d903a"),
        (KEY.replace("example.com/foo", "example.com/bar"), "is damaged"),
        (KEY[:-1], "not base64"),
        ("a+00000000+AAAA", "not an Ed25519 key"),
    ],
)
def test_what_is_no_key_is_refused(key, told):
    """A verifier key that is cut, changed or of another kind is refused with a reason."""
    with pytest.raises(NoteError, match=told):
        parse_key(key)


@pytest.mark.parametrize("text", ["", "a", "a\r\n", "a\0\n"])
def test_a_text_that_no_note_can_have_is_not_signed(text):
    """Signing refuses what reading would."""
    with pytest.raises(NoteError):
        SIGNER.sign(text)


def test_a_point_that_is_no_key_verifies_nothing():
    """32 bytes that are no public key are an answer, not a fault."""
    odd = Verifier("node/w1", b"\xff" * 32)
    assert odd.verify("a\n", bytes(64)) is False
