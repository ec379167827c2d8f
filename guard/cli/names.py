"""Names of callers as commands take them."""

from __future__ import annotations

from guard.cli.errors import TroubleError


def canonical(kind: str, value: str) -> str:
    """The one spelling of a caller's name.

    Raises:
        TroubleError: it is no name of that kind.
    """
    from guard.control import names
    from guard.control.errors import OrderError

    try:
        return names.canonical(kind, value)
    except OrderError as error:
        raise TroubleError(str(error)) from None
