"""Names of callers and models as commands take them."""

from __future__ import annotations

import re
from pathlib import Path

from guard.cli.errors import TroubleError
from guard.cli.options import configuration
from guard.config import Config, Model
from guard.wire.naming import NAMING

FINGERPRINT = re.compile(r"[0-9a-f]{16}")


def canonical(kind: str, value: str) -> str:
    """The one spelling of a caller's name.

    Raises:
        TroubleError: it is no name of that kind.
    """
    try:
        if kind in NAMING:
            return NAMING[kind](value)
    except ValueError as error:
        raise TroubleError(str(error)) from None
    if kind == "key" and not FINGERPRINT.fullmatch(value.lower()):
        raise TroubleError("a key is named by its fingerprint, the 16 hexadecimal digits that the journal shows of it")
    return value.lower() if kind == "key" else value


def check_name(kind: str, value: str, config: Path | None) -> str:
    """The one spelling of a caller's name, which must be that of somebody whom there can be.

    Raises:
        TroubleError: it is not.
    """
    name = canonical(kind, value)
    if kind in ("account", "client"):
        clients = configuration(config, keys=False).clients
        known = set(clients) if kind == "client" else {one.account for one in clients.values()}
        if name not in known:
            raise TroubleError(f"there is no {kind} {name!r} in the configuration's clients")
    if kind == "session" and configuration(config, keys=False).identify.session_header is None:
        raise TroubleError("no header names sessions here; say which one does, as identify.session_header")
    return name


def model_of(settings: Config, name: str) -> Model:
    """A model of the configuration.

    Raises:
        TroubleError: there is none of that name.
    """
    if name not in settings.models:
        raise TroubleError(f"there is no model {name!r}; there are {', '.join(settings.models)}")
    return settings.models[name]
