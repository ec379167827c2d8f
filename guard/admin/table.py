"""The table of all calls: there are no others, and nobody may make one whose role it does not name."""

from __future__ import annotations

from typing import Any

from guard.admin.action import Action, Handler
from guard.admin.resources import (
    blocks,
    bundles,
    callers,
    changes,
    documents,
    journal,
    limits,
    measures,
    operators,
    routes,
    rulebook,
    rules,
    status,
)  # fmt: skip
from guard.admin.shapes import (
    BlockGiven,
    BlockShown,
    Bundle,
    BundleQuery,
    ChangesQuery,
    EventsQuery,
    Exchanges,
    Health,
    JournalQuery,
    LimitGiven,
    LimitShown,
    Offences,
    OffencesQuery,
    OperatorGiven,
    OperatorShown,
    OrderGiven,
    OrderQuery,
    OrderShape,
    Page,
    PageQuery,
    Placed,
    Record,
    RemovalQuery,
    RollbackQuery,
    RouteGiven,
    RouteShown,
    RuleGiven,
    RuleInForce,
    RuleShown,
    Status,
    UsageQuery,
    Uses,
)  # fmt: skip
from guard.changes import Role
from guard.control.callers import Known
from guard.control.rollback import Back
from guard.control.usage import Configured
from guard.custody.measures import Measure
from guard.ruleset.parcel import BYTES as PARCEL_BYTES

OPENAPI = "application/vnd.oai.openapi+json;version=3.1"
ORDER_BYTES = 32 * 1_048_576

_BLOCK = {"kind": blocks.KINDS}
_LIMIT = {"per": limits.PERS, "what": limits.QUANTITIES}


def _listed(path: str, role: Role, handler: Handler, summary: str, shown: Any) -> Action:
    return Action("GET", path, role, handler, summary, query=PageQuery, answer=Page[shown], tagged=True)


def _one(path: str, role: Role, handler: Handler, summary: str, shown: Any, **more: Any) -> Action:
    return Action("GET", path, role, handler, summary, answer=shown, tagged=True, **more)


def _order(path: str, role: Role, handler: Handler, summary: str, body: type, **more: Any) -> Action:
    return Action(
        "POST", path, role, handler, summary, query=OrderQuery, body=body, answer=Placed, status=201, changes=True,
        conditional=True, **more,
    )  # fmt: skip


def _removal(path: str, role: Role, handler: Handler, summary: str, **more: Any) -> Action:
    return Action(
        "DELETE", path, role, handler, summary, query=RemovalQuery, answer=Placed, changes=True, conditional=True,
        **more,
    )  # fmt: skip


ACTIONS: tuple[Action, ...] = (
    Action("GET", "/healthz", None, status.healthy, "Whether the control process runs.", answer=Health),
    Action("GET", "/readyz", None, status.ready, "Whether it can read the control log.", answer=Health),
    Action("GET", "/metrics", None, documents.metrics, "This machine's metrics.", media_type=documents.METRICS),
    Action("GET", "/openapi.json", "viewer", documents.openapi, "This document.", media_type=OPENAPI),
    Action("GET", "/v1/status", "viewer", status.shown, "The workers, and what each has in force.", answer=Status),
    _listed("/v1/blocks", "viewer", blocks.listed, "Blocks in force.", BlockShown),
    _order("/v1/blocks", "operator", blocks.add, "Block a caller.", BlockGiven),
    _one("/v1/blocks/{kind}/{value:path}", "viewer", blocks.one, "A block.", BlockShown, parts=_BLOCK),
    _removal("/v1/blocks/{kind}/{value:path}", "operator", blocks.remove, "Serve a caller again.", parts=_BLOCK),
    Action("GET", "/v1/callers", "viewer", callers.listed, "Callers that the configuration names.", answer=Known),
    Action(
        "GET", "/v1/offences", "viewer", callers.offences, "How often somebody was blocked lately.",
        query=OffencesQuery, answer=Offences,
    ),
    _listed("/v1/limits", "viewer", limits.listed, "Limits in force.", LimitShown),
    _order("/v1/limits", "operator", limits.put, "Set a limit.", LimitGiven),
    Action(
        "GET", "/v1/limits/configured", "viewer", limits.configured, "Limits of the configuration.",
        answer=Page[Configured],
    ),
    Action(
        "GET", "/v1/usage", "viewer", limits.used, "How much somebody uses of each of their limits.", query=UsageQuery,
        answer=Uses,
    ),
    _one("/v1/limits/{per}/{what}", "viewer", limits.one, "A limit for all of a kind.", LimitShown, parts=_LIMIT),
    _removal("/v1/limits/{per}/{what}", "operator", limits.remove, "Take it back.", parts=_LIMIT),
    _one("/v1/limits/{per}/{what}/{subject:path}", "viewer", limits.one, "A limit for one.", LimitShown, parts=_LIMIT),
    _removal("/v1/limits/{per}/{what}/{subject:path}", "operator", limits.remove, "Take it back.", parts=_LIMIT),
    _listed("/v1/rules", "viewer", rules.listed, "Rules in force that were added.", RuleShown),
    _order("/v1/rules", "operator", rules.add, "Add a rule.", RuleGiven),
    _one("/v1/rules/{id:path}", "viewer", rules.one, "A rule.", RuleShown),
    _removal("/v1/rules/{id:path}", "operator", rules.remove, "Take a rule back."),
    Action(
        "GET", "/v1/rulebook", "viewer", rulebook.listed, "All rules in force.", query=PageQuery,
        answer=Page[RuleInForce],
    ),
    Action(
        "GET", "/v1/rollback", "analyst", rulebook.way_back, "What it takes to have the rules of before.",
        query=RollbackQuery, answer=Back,
    ),
    Action(
        "POST", "/v1/bundles", "operator", bundles.put, "Take in a folder of rules, for an order to push it.",
        query=BundleQuery, body=bytes, answer=Bundle, changes=True, body_bytes=PARCEL_BYTES,
    ),
    _one("/v1/routes", "viewer", routes.listed, "Every model, and which version answers.", Page[RouteShown]),
    _order("/v1/routes", "operator", routes.change, "Switch, isolate, or take off- or online.", RouteGiven),
    _one("/v1/routes/{model:path}", "viewer", routes.one, "A model.", RouteShown),
    _listed("/v1/measures", "viewer", measures.listed, "All that was ordered and is in force.", Measure),
    Action(
        "GET", "/v1/changes", "analyst", changes.listed, "The history of all orders.", query=ChangesQuery,
        answer=Page[Record], tagged=True,
    ),
    _order(
        "/v1/changes", "operator", changes.order, "Changes of any kind, together or not at all.", OrderGiven,
        shown=OrderShape, body_bytes=ORDER_BYTES,
    ),
    Action(
        "GET", "/v1/events", "analyst", None, "Changes as they are made.", query=EventsQuery,
        media_type="text/event-stream",
    ),
    Action(
        "GET", "/v1/journal", "analyst", journal.search, "Exchanges of the journal, the newest first.",
        query=JournalQuery, answer=Exchanges,
    ),
    Action("GET", "/v1/journal/{id:path}", "analyst", journal.one, "An exchange.", answer=dict[str, Any]),
    _listed("/v1/operators", "commander", operators.listed, "Who may call.", OperatorShown),
    _order(
        "/v1/operators", "commander", operators.add, "Let somebody call; the token is told once.", OperatorGiven,
        repeatable=False,
    ),
    _one("/v1/operators/{name:path}", "commander", operators.one, "Somebody who may call.", OperatorShown),
    _removal("/v1/operators/{name:path}", "commander", operators.remove, "Let somebody call no more."),
)  # fmt: skip
