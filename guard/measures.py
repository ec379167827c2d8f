"""The measures that operators have taken, on top of the configuration: values, and nothing that acts on them."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal, NamedTuple

from msgspec import Struct


class Block(Struct, frozen=True, gc=False):
    """A caller who is not served: of which kind its name is (ip, account, client, key, session, agent), the name, and
    why.

    A key is named by its fingerprint, which the journal shows of it; an agent by a pattern. A `simulated` block only
    tells whom it would have stopped.
    """

    kind: str
    value: str
    reason: str
    simulated: bool = False


class AddedRule(NamedTuple):
    """A rule besides those of the rules folder: it blocks whatever has a text in it, or fits a pattern.

    With `shadow` it only tells what it would have done. `target` is ``prompt`` or ``output``.
    """

    id: str
    target: str
    text: str
    is_regex: bool
    shadow: bool


class AddedLimit(NamedTuple):
    """A limit besides those of the configuration: how much of `what` (requests, tokens, cost, concurrency) a subject,
    or each of its kind (None), may use; `amount` is ``100/min``, or a number of requests at once.
    """

    per: str
    subject: str | None
    what: str
    amount: str
    burst: int | None


class Measures(NamedTuple):
    """What is in force after so many records of the control log (`version`).

    Attributes:
        blocks: whom the guard does not serve.
        active: by model, the version that is asked first, in the place of the configured one.
        isolated: the models that nobody gets to.
        rules: what is blocked besides.
        offline: the models of which, besides, nothing goes on that was under way; None in it: all models.
        limits: what is bounded besides.
        disabled: the ids of rules that are out of force.
        bundle: the rules in the place of those of the configured folder, by their hash.
    """

    version: int = 0
    blocks: Collection[Block] = ()
    active: tuple[tuple[str, str], ...] = ()
    isolated: frozenset[str] = frozenset()
    rules: tuple[AddedRule, ...] = ()
    offline: frozenset[str | None] = frozenset()
    limits: tuple[AddedLimit, ...] = ()
    disabled: frozenset[str] = frozenset()
    bundle: str | None = None

    def access(self, model: str) -> Literal["online", "isolated", "offline"]:
        """Whether anybody gets to a model."""
        if None in self.offline or model in self.offline:
            return "offline"
        return "isolated" if model in self.isolated else "online"

    def active_version(self, model: str) -> str | None:
        """The version that is asked first; None: the configured one."""
        return dict(self.active).get(model)


NONE = Measures()
