"""`guard check`: is this configuration right, and are its rules."""

from __future__ import annotations

import ssl
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import click
import msgspec

from guard.cli.errors import tell
from guard.cli.options import config_option, configuration_path, json_option
from guard.cli.output import emit
from guard.cli.visible import visible
from guard.config import Config, Rules, Tls
from guard.settings import Problem, SettingsError, load
from guard.wire.tls import TlsError, server_context


class Verdict(NamedTuple):
    """What a check found; `summary` counts what is configured, and is empty when that could not be read."""

    errors: list[Problem | str]
    warnings: list[str]
    summary: dict[str, int | str]


@click.command()
@config_option
@json_option
def check(config: Path | None, as_json: bool) -> int:
    """Check the configuration and the rules without starting anything; every error is told."""
    path = configuration_path(config)
    verdict = examine(path)
    if as_json:
        errors = [_as_dict(error) for error in verdict.errors]
        emit({"config": str(path), "ok": not errors, "errors": errors, **verdict._asdict() | {"errors": errors}})
        return int(bool(errors))
    for error in verdict.errors:
        tell(str(error))
    for warning in verdict.warnings:
        tell(f"warning: {warning}")
    if not verdict.errors:
        counts = ", ".join(f"{what} {count}" for what, count in verdict.summary.items() if isinstance(count, int))
        click.echo(f"{visible(str(path))} is right: {counts}")
    return int(bool(verdict.errors))


def examine(path: Path) -> Verdict:
    """Check a configuration, the certificates it names, and its rules as far as it says where they are."""
    try:
        config = load(path)
    except SettingsError as error:
        _, errors, warnings = _rules(error.rules)
        return Verdict([*error.errors, *errors], warnings, {})
    summary, errors, warnings = _rules(config.rules)
    named = [*_certificates(path, config), *_redaction(path, config), *_elsewhere(path, config)]
    return Verdict([*named, *errors], warnings, {**_counts(config), **summary})


def _rules(rules: Rules | None) -> tuple[dict[str, int | str], list[str], list[str]]:
    """What is in the rules folder: its summary, errors and warnings."""
    if rules is None or rules.dir is None:
        return {"rules": 0}, [], []
    from guard.ruleset import bundle

    try:
        found = bundle.load(Path(rules.dir), engine=rules.engine, hold_back=rules.hold_back)
    except bundle.BundleError as error:
        return {}, [str(one) for one in error.errors], []
    return {"rules": len(found.rules), "rules_hash": found.hash}, [], [str(one) for one in found.warnings]


def _redaction(path: Path, config: Config) -> list[str]:
    if not config.journal.redact:
        return []
    from guard.ruleset import redactor

    try:
        redactor.compiled(config.journal.redact, config.rules.engine)
    except redactor.RedactionError as error:
        return [f"{path}: {one}" for one in error.errors]
    return []


def _certificates(path: Path, config: Config) -> list[str]:
    named = [
        (f"models.{name}.versions.{label}.ca", version.ca)
        for name, model in config.models.items()
        for label, version in model.versions.items()
        if version.ca is not None
    ]
    if config.store.ca is not None:
        named.append(("store.ca", config.store.ca))
    errors = [
        f"{path}: {key}: {wrong}; expected a file with certificates" for key, ca in named if (wrong := _unusable(ca))
    ]
    try:
        server_context(config.data.tls)
    except TlsError as error:
        errors.insert(0, f"{path}: {error}")
    try:
        server_context(Tls(certificate=config.admin.tls.certificate, key=config.admin.tls.key))
    except TlsError as error:
        errors.append(f"{path}: {error.of('admin')}")
    return errors


def _elsewhere(path: Path, config: Config) -> list[str]:
    """What is wrong with where the journal's checkpoints and records, and what machines share, are to go."""
    errors = [
        f"{path}: journal.witnesses[{number}].file: there is no folder {Path(one.file).parent};"
        " expected one that is there, best on another machine's disk"
        for number, one in enumerate(config.journal.witnesses)
        if one.file is not None and not Path(one.file).parent.is_dir()
    ]
    for key, url in (("journal.ship.redis", config.journal.ship.redis.url), ("store", config.store.url)):
        if url is not None and find_spec("redis") is None:
            get = f"{sys.executable} -m pip install 'guard-gateway[redis]'"
            errors.append(f"{path}: {key}: the library redis is not installed; get it with: {get}")
    if config.tracing.endpoint is not None and not _has_tracing():
        get = f"{sys.executable} -m pip install 'guard-gateway[otel]'"
        errors.append(f"{path}: tracing: the library opentelemetry is not installed; get it with: {get}")
    return errors


def _has_tracing() -> bool:
    return find_spec("opentelemetry") is not None and find_spec("opentelemetry.exporter") is not None


def _unusable(ca: str) -> str | None:
    try:
        ssl.create_default_context(cafile=ca)
    except (OSError, ssl.SSLError) as error:
        return f"{ca} cannot be used ({(error.strerror or 'no certificate in it').lower()})"
    return None


def _counts(config: Config) -> dict[str, int]:
    versions = sum(len(model.versions) for model in config.models.values())
    parts = {"routes": config.routes, "clients": config.clients, "blocks": config.blocks, "limits": config.limits}
    return {"models": len(config.models), "versions": versions, **{name: len(part) for name, part in parts.items()}}


def _as_dict(error: Problem | str) -> dict[str, Any]:
    fields = msgspec.structs.asdict(error) if isinstance(error, Problem) else {}
    return {**fields, "message": str(error)}
