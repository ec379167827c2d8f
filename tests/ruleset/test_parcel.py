"""A parcel holds the same files as the same bytes, and nothing else is taken for one."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guard.ruleset import parcel
from guard.ruleset.parcel import Parcel, ParcelError, digest, is_name, pack, unpack

FILES = {"10-a.yaml": b"- id: a\n", "data/names.txt": b"one\n\ntwo", "20 b.yaml": b"", "data/x/é.txt": b"\0\xff"}
WHOLE = b"guard rules 1\n8 10-a.yaml\n- id: a\n\n0 20 b.yaml\n\n"
WHOLE += b"8 data/names.txt\none\n\ntwo\n2 data/x/\xc3\xa9.txt\n\0\xff\n"


def test_the_same_files_are_the_same_bytes():
    """In whatever order they are given; and they come out as they went in."""
    assert pack(FILES) == pack(dict(reversed(FILES.items()))) == WHOLE
    assert unpack(WHOLE) == FILES
    assert unpack(pack({})) == {}
    assert len(digest(WHOLE)) == 64


@given(st.dictionaries(st.from_regex(r"(data/[a-z]{1,5}|[a-z]{1,5}\.yaml)", fullmatch=True), st.binary(max_size=30)))
def test_what_is_packed_is_unpacked(files):
    """Whatever the contents are."""
    assert unpack(pack(files)) == files


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (b"", "no parcel of rules"),
        (b"guard rules 2\n", "no parcel of rules"),
        (WHOLE[:-1], "'data/x/é.txt' is cut off"),
        (WHOLE[:40], "is no file|is cut off"),
        (WHOLE + b"\n", "is no file"),
        (WHOLE.replace(b"8 10-a", b"7 10-a"), "is no file"),
        (WHOLE.replace(b"8 10-a", b"08 10-a"), "is no file"),
        (WHOLE.replace(b"8 10-a", b"99999999 10-a"), "is cut off"),
        (WHOLE.replace(b"10-a.yaml", b"30-a.yaml"), "out of order"),
        (WHOLE.replace(b"20 b.yaml", b"10-a.yaml"), "out of order"),
        (WHOLE.replace(b"10-a.yaml", b"../a.yaml"), "is no name of a file of rules"),
        (WHOLE.replace(b"data/names.txt", b"data/../../x.a"), "is no name of a file of rules"),
        (WHOLE.replace(b"10-a.yaml", b"/etc/yaml"), "is no name of a file of rules"),
        (WHOLE.replace(b"\xc3\xa9", b"\xff\xfe"), "is no name of a file of rules"),
    ],
)
def test_what_is_no_parcel_is_refused(found, why):
    """Nothing of it is used."""
    with pytest.raises(ParcelError, match=why):
        unpack(found)


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(tail):
    """Whatever is read would be written the same."""
    try:
        files = unpack(parcel.MAGIC + tail)
    except ParcelError:
        return
    assert pack(files) == parcel.MAGIC + tail


@pytest.mark.parametrize(
    ("name", "right"),
    [
        ("10-a.yaml", True), ("a b.yaml", True), ("data/x", True), ("data/x/y.txt", True), (".yaml", True),
        ("", False), ("a.yml", False), ("x/a.yaml", False), ("data/", False), ("data", False), ("data/../x", False),
        ("data//x", False), ("/data/x", False), ("data/x\ny", False), ("\x7f.yaml", False), ("\ud800.yaml", False),
        ("..\\a.yaml", False), ("é" * 513 + ".yaml", False),
    ],
)  # fmt: skip
def test_names_have_one_spelling_and_lead_nowhere(name, right):
    """Rule files have no folder; phrase lists are in ``data``."""
    assert is_name(name) is right


def test_what_is_too_much_is_not_packed(monkeypatch):
    """Too many files, too many bytes, or a name that cannot be used."""
    with pytest.raises(ParcelError, match=re.escape(r"'a\nb.yaml'")):
        pack({"a\nb.yaml": b""})
    monkeypatch.setattr(parcel, "FILES", 3)
    with pytest.raises(ParcelError, match="4 files; at most 3"):
        pack(FILES)
    with pytest.raises(ParcelError, match="out of order, or one too many"):
        unpack(WHOLE)
    monkeypatch.setattr(parcel, "BYTES", 60)
    with pytest.raises(ParcelError, match="larger than 60 bytes"):
        pack({"a.yaml": bytes(60)})
    with pytest.raises(ParcelError, match="no parcel"):
        unpack(WHOLE)


def test_files_are_read_from_it_as_from_a_folder():
    """Rule files in order; what is not there is an error in words."""
    files = Parcel(WHOLE)
    assert files.rules() == ["10-a.yaml", "20 b.yaml"]
    assert files.read("data/names.txt") == b"one\n\ntwo"
    with pytest.raises(ValueError, match="not among the files"):
        files.read("data/else")
