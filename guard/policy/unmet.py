"""What operators have ordered of things that the configuration does not have (any more), in words."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping

from guard.config import Config
from guard.measures import AddedLimit, Block, Measures

MOST = 20
"""How many are told one by one."""


def unmet(measures: Measures, configured: Config) -> list[str]:
    """A sentence for each of them, and of many how many more there are. 100,000 blocks take milliseconds."""
    told = [*_models(measures, configured), *_callers(measures, configured)]
    more = len(told) - MOST
    return [*told[:MOST], f"{more} more orders are about what there is not now"] if more > 0 else told


def _models(measures: Measures, configured: Config) -> Iterator[str]:
    models = configured.models
    for model, version in measures.active:
        if model not in models or version not in models[model].versions:
            yield f"{model} is to be answered by {version}, as was ordered, and there is no such version now"
    closed = {model for model in (*measures.isolated, *measures.offline) if model is not None}
    for model in sorted(closed - models.keys()):
        yield f"{model} is kept from everybody, as was ordered, and there is no such model now"


def _callers(measures: Measures, configured: Config) -> Iterator[str]:
    there: dict[str, Container[str]] = {
        "client": configured.clients.keys(),
        "account": {client.account for client in configured.clients.values() if client.account is not None},
        "model": configured.models.keys(),
        "route": {route.path for route in configured.routes},
    }
    for kind, name in sorted(_blocked(measures.blocks, there)):
        yield f"the {kind} {name} is blocked, as was ordered, and there is no such {kind} now"
    for kind, name, what in sorted(_limited(measures.limits, there)):
        yield f"{what} of the {kind} {name} are limited, as was ordered, and there is no such {kind} now"


def _blocked(blocks: Iterable[Block], there: Mapping[str, Container[str]]) -> Iterator[tuple[str, str]]:
    for one in blocks:
        if one.kind in there and one.value not in there[one.kind]:
            yield one.kind, one.value


def _limited(limits: Iterable[AddedLimit], there: Mapping[str, Container[str]]) -> Iterator[tuple[str, str, str]]:
    for one in limits:
        if one.subject is not None and one.per in there and one.subject not in there[one.per]:
            yield one.per, one.subject, one.what
