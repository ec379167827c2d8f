"""Names of callers and models in orders: the one spelling of each, and whether there is such a one."""

from __future__ import annotations

import re

from guard.config import Config, Model
from guard.control.errors import OrderError
from guard.wire.naming import NAMING

FINGERPRINT = re.compile(r"[0-9a-f]{16}")


def canonical(kind: str, value: str) -> str:
    """The one spelling of a caller's name.

    Raises:
        OrderError: it is no name of that kind.
    """
    if kind in NAMING:
        try:
            return NAMING[kind](value)
        except ValueError as error:
            what, _, expected = str(error).partition("; expected ")
            raise OrderError("value", what, expected) from None
    if kind == "key":
        if not FINGERPRINT.fullmatch(value.lower()):
            what = "a key is named by its fingerprint"
            raise OrderError("value", what, "the 16 hexadecimal digits that the journal shows of it")
        return value.lower()
    return value


def check_caller(kind: str, value: str, config: Config) -> None:
    """See that there can be such a caller.

    Raises:
        OrderError: there is none.
    """
    if kind == "client" and value not in config.clients:
        raise OrderError("value", f"there is no client {value!r} in the configuration's clients", missing=True)
    if kind == "account" and value not in {one.account for one in config.clients.values()}:
        raise OrderError("value", f"there is no account {value!r} in the configuration's clients", missing=True)
    if kind == "session" and config.identify.session_header is None:
        what = "no header names sessions here; say which one does, as identify.session_header"
        raise OrderError("kind", what, missing=True)


def model_of(config: Config, name: str) -> Model:
    """A model of the configuration.

    Raises:
        OrderError: there is none of that name.
    """
    if name not in config.models:
        there = f"there are {', '.join(config.models)}"
        raise OrderError("model", f"there is no model {name!r}", there, missing=True)
    return config.models[name]


def check_version(config: Config, model: str, version: str | None) -> None:
    """See that a model has a version; None is the configured one.

    Raises:
        OrderError: it has none of that name.
    """
    versions = model_of(config, model).versions
    if version is not None and version not in versions:
        has = f"it has {', '.join(versions)}"
        raise OrderError("version", f"{model} has no version {version!r}", has, missing=True)
