"""Where the guard's own rules are."""

import pytest

from guard.cli import paths
from guard.cli.errors import TroubleError


@pytest.mark.parametrize(
    ("there", "found"),
    [
        (["guard/_rules", "rules"], "guard/_rules"),
        (["rules"], "rules"),
    ],
)
def test_rules_are_found(tmp_path, monkeypatch, there, found):
    """An installed package has them inside of it, a checkout beside it."""
    for name in there:
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "10-a.yaml").write_text("[]")
    monkeypatch.setattr(paths, "PACKAGE", tmp_path / "guard")
    assert paths.rules_folder() == tmp_path / found


def test_missing_rules_are_trouble(tmp_path, monkeypatch):
    """Folders without rules in them are not taken for them."""
    (tmp_path / "rules").mkdir()
    monkeypatch.setattr(paths, "PACKAGE", tmp_path / "guard")
    with pytest.raises(TroubleError, match="install it again"):
        paths.rules_folder()
