"""`guard rules add`: block a text or a pattern at once, beside the other rules."""

from __future__ import annotations

import click

from guard.cli.measure import Order, order_options, take
from guard.cli.times import DURATION


@click.command()
@click.option("--literal", metavar="TEXT", help="What is blocked wherever it stands, however it is written.")
@click.option("--regex", metavar="RE", help="A regular expression, in the rules' own dialect, in place of a text.")
@click.option("--target", type=click.Choice(("prompt", "output")), default="prompt", show_default=True, help="Where.")
@click.option("--shadow", is_flag=True, help="Refuse nothing; only write down what would have been refused.")
@click.option("--expires", type=DURATION, help="The same as --for.")
@order_options
def add(literal: str | None, regex: str | None, target: str, shadow: bool, expires: float | None, order: Order) -> int:
    """Add a rule, under an id that is told; it is compiled here first, and a mistake in it changes nothing."""
    from guard.control.trial import rule_id

    text = regex if regex is not None else literal
    if text is None or (literal is not None and regex is not None):
        raise click.UsageError("either --literal or --regex says what is blocked")
    if expires is not None and order.lasts is not None:
        raise click.UsageError("either --for or --expires says how long")
    kind = "regex" if regex is not None else "literal"
    id_ = rule_id(target, kind, text)
    change = {"type": "add-rule", "id": id_, "target": target, kind: text, "shadow": shadow}
    return take(order._replace(lasts=order.lasts or expires), change, f"added {id_}")
