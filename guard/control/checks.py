"""One change held against the configuration: what the log would take, and no worker could put in force."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from guard import changes as ch
from guard.config import Config
from guard.control.errors import OrderError
from guard.control.limits import checked_limit
from guard.control.names import canonical, check_caller, check_version, model_of
from guard.control.trial import try_rule
from guard.wire.networks import too_wide

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")


def checked(given: Mapping[str, Any], config: Config) -> ch.AnyChange:
    """The change in its one spelling.

    Raises:
        OrderError: it is none, or makes no sense with this configuration.
    """
    try:
        change = ch.read_change(dict(given))
    except ch.ChangeError as error:
        raise _unfit(str(error)) from None
    unknown = next((name for name in given if name != "type" and name not in change.__struct_fields__), None)
    if unknown is not None:
        known = ", ".join(change.__struct_fields__)
        raise OrderError("", f"{given['type']} has no member {unknown[:64]!r}", f"one of {known}")
    return _checked(change, config)


def _checked(change: ch.AnyChange, config: Config) -> ch.AnyChange:
    match change:
        case ch.Block() | ch.Unblock():
            change = replace(change, value=canonical(change.kind, change.value))
            if isinstance(change, ch.Block):
                _check_width(change)
                check_caller(change.kind, change.value, config)
        case ch.Switch():
            check_version(config, change.model, change.version)
        case ch.Isolate():
            model_of(config, change.model)
        case ch.Offline() | ch.Online():
            if change.model is not None:
                model_of(config, change.model)
        case ch.AddRule():
            try_rule(change, config.rules)
        case ch.SetLimit():
            change = checked_limit(change, config)
        case ch.RemoveLimit():
            change = checked_limit(change, config)
        case ch.AddOperator():
            if not _NAME.fullmatch(change.name):
                wanted = "up to 64 letters, digits, '.', '_', '@' and '-', the first a letter or digit"
                raise OrderError("name", f"{change.name!r} cannot be an operator's name", wanted)
    return change


def _check_width(change: ch.Block) -> None:
    """See that whoever blocks a large part of all addresses says that it is meant."""
    why = too_wide(change.value) if change.kind == "ip" and not change.wide else ""
    if why:
        meant = "who means it says `wide` (`guard block ip --wide`); `guard route isolate` and `offline` close a model"
        raise OrderError("value", f"{change.value} is not blocked, for {why}; {meant}")


def _unfit(message: str) -> OrderError:
    """What msgspec says of a value, with the place told apart: ``Expected `str`, got `int` - at `$.value```."""
    what, _, place = message.partition(" - at `$")
    where = place.rstrip("`").lstrip(".")
    what = what[:1].lower() + what[1:]
    return OrderError(where, f"{where}: {what}" if where else what)
