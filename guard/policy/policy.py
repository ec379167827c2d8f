"""Everything that decides about a request, as one immutable value with a version."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from guard.config import Config, Http
from guard.measures import NONE, Measures
from guard.policy.blocks import Blocks
from guard.policy.clients import Clients
from guard.policy.limits import Limits
from guard.policy.models import Routes
from guard.wire.networks import Networks

if TYPE_CHECKING:
    from guard.redaction.rules import Redaction
    from guard.ruleset.bundle import Bundle


class Policy(NamedTuple):
    """A state of the guard's decisions. A request uses the one it started with to its end."""

    version: int
    wire_version: bytes
    trusted_proxies: Networks | None
    require_known: bool
    clients: Clients
    blocks: Blocks
    limits: Limits
    routes: Routes
    rules: Bundle
    http: Http
    redaction: Redaction | None = None
    measures: Measures = NONE
    session_header: bytes | None = None


def build(config: Config, rules: Bundle, salt: bytes, version: int = 1, redaction: Redaction | None = None) -> Policy:
    """Make the policy that a configuration and a rule bundle state; `salt` is the installation's for key hashes."""
    clients = Clients(config.clients, salt)
    return Policy(
        version=version,
        wire_version=b"%d" % version,
        trusted_proxies=Networks(config.identify.trusted_proxies) if config.identify.trusted_proxies else None,
        require_known=config.identify.unknown == "refuse",
        clients=clients,
        blocks=Blocks(config.blocks, clients),
        limits=Limits(config.limits),
        routes=Routes(config.routes, config.models),
        rules=rules,
        http=config.data.http,
        redaction=redaction,
        session_header=header.lower().encode() if (header := config.identify.session_header) else None,
    )


def with_measures(policy: Policy, config: Config, measures: Measures, version: int, rules: Bundle) -> Policy:
    """The policy of the same configuration with other measures, of which the `rules` have those that were added."""
    before = policy.measures
    moved = _of_routes(before) != _of_routes(measures)
    return policy._replace(
        version=version,
        wire_version=b"%d" % version,
        blocks=policy.blocks.with_taken(measures.blocks),
        limits=Limits(config.limits, measures.limits) if before.limits != measures.limits else policy.limits,
        routes=Routes(config.routes, config.models, measures) if moved else policy.routes,
        rules=rules,
        measures=measures,
    )


def _of_routes(measures: Measures) -> tuple[object, ...]:
    return measures.active, measures.isolated, measures.offline
