"""The measures that operators have taken, on top of the configuration: values, and nothing that acts on them."""

from __future__ import annotations

from typing import NamedTuple


class Block(NamedTuple):
    """A caller who is not served: of which kind its name is (ip, account, client, key), the name, and why.

    A key is named by its fingerprint, which the journal shows of it.
    """

    kind: str
    value: str
    reason: str


class AddedRule(NamedTuple):
    """A rule besides those of the rules folder: it blocks whatever has a text in it, or fits a pattern.

    With `shadow` it only tells what it would have done. `target` is ``prompt`` or ``output``.
    """

    id: str
    target: str
    text: str
    is_regex: bool
    shadow: bool


class Measures(NamedTuple):
    """What is in force after so many records of the control log (`version`).

    Attributes:
        blocks: whom the guard does not serve.
        active: by model, the version that is asked first, in the place of the configured one.
        isolated: the models that nobody gets to.
        rules: what is blocked besides.
    """

    version: int = 0
    blocks: tuple[Block, ...] = ()
    active: tuple[tuple[str, str], ...] = ()
    isolated: frozenset[str] = frozenset()
    rules: tuple[AddedRule, ...] = ()


NONE = Measures()
