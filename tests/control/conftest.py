"""What tests of the control process have at hand."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from guard.config import Rules
from guard.control.desk import Desk
from tests.cli.rules.pushing import folder
from tests.support.admin import config


@pytest.fixture
def ruled_desk(tmp_path: Path) -> Desk:
    """One of a machine with two rules in its folder."""
    found = Desk(replace(config(tmp_path), rules=Rules(dir=str(folder(tmp_path / "rules", "one", "two")))))
    found.journal.mkdir(parents=True)
    return found
