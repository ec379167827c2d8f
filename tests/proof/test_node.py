"""The node's name."""

import pytest

from guard.proof.node import NAME, node_name


def test_the_name_is_made_once(tmp_path):
    """The first call makes a name, later ones give the same; another state folder has another."""
    name = node_name(tmp_path / "a")
    assert NAME.fullmatch(name)
    assert node_name(tmp_path / "a") == name
    assert node_name(tmp_path / "b") != name


@pytest.mark.parametrize("content", [b"", b"a b", b"a/b", b"a+b", b"a\nb", b"\xff", b"a" * 65])
def test_what_is_no_name_is_refused(tmp_path, content):
    """A file that holds no name is told with what is expected."""
    (tmp_path / "node").write_bytes(content)
    with pytest.raises(ValueError, match="is no node's name; expected letters"):
        node_name(tmp_path)
