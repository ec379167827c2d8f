"""Where the rules that come with the guard are."""

from __future__ import annotations

from pathlib import Path

from guard.cli.errors import TroubleError

PACKAGE = Path(__file__).parent.parent


def rules_folder() -> Path:
    """The rules in the installed package, or beside it in a checkout.

    Raises:
        TroubleError: they are in neither place.
    """
    for folder in (PACKAGE / "_rules", PACKAGE.parent / "rules"):
        if any(folder.glob("*.yaml")):
            return folder
    raise TroubleError("the rules that come with the guard are missing; install it again")
