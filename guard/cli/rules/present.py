"""The rules in force, as the commands see them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from guard.cli.errors import TroubleError
from guard.config import Config

if TYPE_CHECKING:
    from guard.custody.measures import State
    from guard.custody.present import Present


def present(settings: Config, state: State) -> list[Present]:
    """All but those that were added by command.

    Raises:
        TroubleError: they are not here.
    """
    from guard.custody import present as custody
    from guard.custody.bundles import Shelf

    try:
        return custody.present(settings.rules, Shelf(Path(settings.state)), state)
    except custody.GoneError as error:
        raise TroubleError(str(error)) from None
