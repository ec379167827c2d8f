"""The options that say which exchanges a command is about."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import click

from guard.cli.errors import TroubleError
from guard.cli.times import WHEN
from guard.evidence.filters import FilterError, Filters, Matcher

Command = Callable[..., Any]


def _several(name: str, help: str) -> Callable[[Command], Command]:
    return click.option(f"--{name}", multiple=True, help=help)


OPTIONS = (
    click.option("--regex", is_flag=True, help="TEXT is a regular expression (Python's)."),
    click.option("-i", "--ignore-case", is_flag=True, help="Upper and lower case of TEXT are the same."),
    _several("client", "The client's name, or its key's or certificate's fingerprint."),
    _several("account", "The client's account."),
    _several("address", "The client's address, or a network: 203.0.113.0/24."),
    _several("session", "The client's session, as the configured header named it."),
    _several("route", "The route's path."),
    _several("model", "The model."),
    _several("version", "The version that answered."),
    _several("rule", "A rule that matched, whatever it did then."),
    _several("status", "The status that the client got: 503, 5xx, 400-499."),
    _several("end", "How it ended: complete, refused, client_disconnected, truncated, upstream_error, open."),
    _several("reason", "The code of the refusal or failure, e.g. content_policy_violation."),
    _several("id", "The exchange's id."),
    click.option("--since", type=WHEN, help="Began then or later: 30m, 2h, 7d (ago), or ISO 8601 (UTC)."),
    click.option("--until", type=WHEN, help="Began then or before, likewise."),
    _several("log", "The log: w1, w2, …"),
)


def check(filters: Filters) -> None:
    """Look at filters before anything is read.

    Raises:
        UsageError: one of them means nothing.
    """
    try:
        Matcher(filters)
    except FilterError as error:
        raise click.UsageError(str(error)) from None


def filter_options(command: Command) -> Command:
    """TEXT and all filters, as one argument `filters`; what means nothing is trouble before anything is read."""

    @functools.wraps(command)
    def filtered(*arguments: Any, **options: Any) -> Any:
        filters = Filters(**{name: options.pop(name) for name in Filters._fields})
        if filters.text == "":
            filters = filters._replace(text=None)
        check(filters)
        try:
            return command(*arguments, filters=filters, **options)
        except FilterError as error:
            raise TroubleError(str(error)) from None

    whole: Command = filtered
    for option in reversed(OPTIONS):
        whole = option(whole)
    return click.argument("text", required=False)(whole)
