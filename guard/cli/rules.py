"""`guard rules`: block a text or a pattern at once, beside the rules of the rules folder."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import click

from guard.cli.errors import TroubleError
from guard.cli.measure import Order, order_options, state_of, take, told
from guard.cli.options import config_option, configuration, json_option
from guard.cli.output import emit
from guard.cli.times import shown
from guard.cli.visible import visible
from guard.config import Config
from guard.measures import AddedRule


@click.group()
def rules() -> None:
    """Block a text or a pattern in prompts or outputs at once."""


@rules.command()
@click.option("--literal", metavar="TEXT", help="What is blocked wherever it stands, however it is written.")
@click.option("--regex", metavar="RE", help="A regular expression, in the rules' own dialect, in place of a text.")
@click.option("--target", type=click.Choice(("prompt", "output")), default="prompt", show_default=True, help="Where.")
@click.option("--shadow", is_flag=True, help="Refuse nothing; only write down what would have been refused.")
@order_options
def add(literal: str | None, regex: str | None, target: str, shadow: bool, order: Order) -> int:
    """Add a rule, under an id that is told; it is compiled here first, and a mistake in it changes nothing."""
    text = regex if regex is not None else literal
    if text is None or (literal is not None and regex is not None):
        raise click.UsageError("either --literal or --regex says what is blocked")
    settings = configuration(order.config, keys=False)
    kind = "regex" if regex is not None else "literal"
    id_ = f"added-{sha256(f'{target} {kind} {text}'.encode('utf-8', 'surrogateescape')).hexdigest()[:8]}"
    _try(AddedRule(id_, target, text, regex is not None, shadow), settings)
    change = {"type": "add-rule", "id": id_, "target": target, kind: text, "shadow": shadow}
    return take(order, change, f"added {id_}", settings)


@rules.command()
@click.argument("id")
@order_options
def remove(id: str, order: Order) -> int:
    """Take a rule back that was added by command."""
    if id not in state_of(order.config).rules:
        raise TroubleError(f"no rule {id} was added by command; `guard rules list` tells which were")
    return take(order, {"type": "remove-rule", "id": id}, f"removed {visible(id)}")


@rules.command("list")
@config_option
@json_option
def list_(config: Path | None, as_json: bool) -> None:
    """Print the rules that were added by command and are in force; those of the rules folder are in its files."""
    state = state_of(config)
    rows = [{**rule._asdict(), **told(state.rules[rule.id])} for rule in state.measures().rules]
    if as_json:
        emit(rows)
        return
    for row in rows:
        kind = ("regex " if row["is_regex"] else "") + ("shadow" if row["shadow"] else "block")
        until = f", until {shown(row['expires'])}" if row["expires"] is not None else ""
        line = (
            f"{row['id']}  {row['target']} {kind}  since {shown(row['at'])}{until} by {row['actor']}: {row['reason']}"
        )
        click.echo(visible(f"{line}  {row['text']}"))


def _try(rule: AddedRule, settings: Config) -> None:
    """Compile it as the workers will.

    Raises:
        TroubleError: it cannot be; the message says why.
    """
    from guard.ruleset.bundle import BundleError, load
    from guard.ruleset.emergency import with_added

    bounds = settings.rules
    try:
        with_added(load(None, engine=bounds.engine), [rule], engine=bounds.engine, hold_back=bounds.hold_back)
    except BundleError as error:
        raise TroubleError("\n".join(f"{one.field or 'rule'}: {one.why}" for one in error.errors)) from None
