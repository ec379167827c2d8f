"""A configuration file, read and checked."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from msgspec.structs import replace

from guard.config import Config
from guard.settings.checks import CHECKS
from guard.settings.document import parse
from guard.settings.problem import Report, SettingsError
from guard.settings.reader import Reader
from guard.store.address import parse as parse_store
from guard.store.address import url_of

TLS_FILES = ("certificate", "key", "client_ca")
HASHES = ("key_hash", "certificate")


def load(path: Path, environ: Mapping[str, str] | None = os.environ) -> Config:
    """Read a configuration file; `${NAME}` is taken from `environ` where a key may stand. Without an `environ` it stays
    as it is: for who needs no keys.

    The relative paths in it (`state`, `rules.dir`, each `ca`, the files of `data.tls`, witnesses and a store) come back
    absolute: they count from the file's own folder, so that a configuration means the same wherever the guard is
    started. Only where there are no rules, the current directory is looked in too, for a configuration that lies
    elsewhere and uses the rules of a checkout.

    Raises:
        SettingsError: with every error in the file, in the order of its lines.
    """
    report = Report(str(path))
    value = parse(_text(path, report), report)
    config: Config = Reader(report, environ).read_config(value)
    for check in CHECKS:
        check(config, report)
    config = _settled(config, path.absolute().parent)
    if report.problems:
        rules = config.rules if report.sound(("rules", "dir")) and config.rules.dir else None
        raise SettingsError(report.problems, rules)
    return config


def _text(path: Path, report: Report) -> str:
    try:
        content = path.read_bytes()
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        report.fail((), f"cannot be read ({reason})", "a file: name it with --config or GUARD_CONFIG", None)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        report.fail((), "this is not UTF-8", "text in UTF-8", content.count(b"\n", 0, error.start) + 1)


def _settled(config: Config, folder: Path) -> Config:
    """The same configuration with absolute paths, and with hashes in lower case."""

    def absolute(place: str) -> str:
        return str((folder / place).resolve())

    tls = config.data.tls
    files = {name: absolute(place) for name in TLS_FILES if (place := getattr(tls, name))}

    models = {
        name: replace(
            model,
            versions={
                label: replace(version, ca=absolute(version.ca)) if version.ca else version
                for label, version in model.versions.items()
            },
        )
        for name, model in config.models.items()
    }
    clients = {
        name: replace(client, **{field: hash_.lower() for field in HASHES if (hash_ := getattr(client, field))})
        for name, client in config.clients.items()
    }
    rules = replace(config.rules, dir=_rules_folder(config.rules.dir, folder)) if config.rules.dir else config.rules
    data = replace(config.data, tls=replace(tls, **files))
    own = config.admin.tls
    admin = replace(
        config.admin,
        tls=replace(own, **{name: absolute(place) for name in ("certificate", "key") if (place := getattr(own, name))}),
    )
    journal = replace(
        config.journal,
        witnesses=tuple(
            replace(witness, file=absolute(witness.file)) if witness.file else witness
            for witness in config.journal.witnesses
        ),
    )
    store = replace(config.store, ca=absolute(config.store.ca)) if config.store.ca else config.store
    if (file := _file_of(store.url)) is not None:
        store = replace(store, url=url_of(absolute(file)))
    return replace(
        config, admin=admin, data=data, models=models, clients=clients, rules=rules, journal=journal, store=store,
        state=absolute(config.state),
    )  # fmt: skip


def _file_of(url: str | None) -> str | None:
    """The path of a store that is a file; None: it is none, or what is there cannot be one."""
    try:
        address = parse_store(url or "")
    except ValueError:
        return None
    return address.path if address.kind == "file" else None


def _rules_folder(place: str, folder: Path) -> str:
    beside = (folder / place).resolve()
    here = Path(place).resolve()
    return str(here if here.is_dir() and not beside.exists() else beside)
