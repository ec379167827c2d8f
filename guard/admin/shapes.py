"""What calls carry and what they are answered with, as values; the OpenAPI document is made from these."""

from __future__ import annotations

from typing import Annotated, Any, Generic, Literal, TypeVar

from msgspec import UNSET, Meta, Struct, UnsetType, field

from guard.changes import AnyChange, Caller, Name, Per, Quantity, Role, Text
from guard.control.health import LogHealth
from guard.control.reach import Reach
from guard.control.usage import Use
from guard.counts import Gauges
from guard.custody.supervision import Supervision

Reason = Annotated[str, Meta(min_length=1, max_length=4_096, pattern=r"\S", description="Why.")]
Incident = Annotated[str, Meta(min_length=1, max_length=256, description="The incident that it is for.")]
Time = Annotated[float, Meta(ge=0, description="Seconds since the epoch.")]
Count = Annotated[int, Meta(ge=0)]
Size = Annotated[int, Meta(ge=1, le=1_000, description="The most items of a page.")]
Cursor = Annotated[str, Meta(min_length=1, max_length=2_048, description="`next` of the page before.")]
Flag = Literal["true", "false"]

Kind = Literal[
    "block", "unblock", "switch", "isolate", "offline", "online", "add-rule", "remove-rule", "disable-rule",
    "enable-rule", "push-rules", "set-limit", "remove-limit", "add-operator", "remove-operator", "hold", "release",
    "export", "delete",
]  # fmt: skip

T = TypeVar("T")


class Given(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of all that comes in: an unknown member is an error."""


class OrderWords(Given, frozen=True, kw_only=True):
    """What every order says. `expires`: when it is over by itself; `actor`: only with the machine's own token."""

    reason: Reason
    incident: Incident | None = None
    expires: Time | None = None
    actor: Name | None = None


class BlockGiven(OrderWords, frozen=True, kw_only=True):
    """Whom to block. `wide`: a network wider than /8 (IPv6: /16) is meant."""

    kind: Caller
    value: Text
    simulated: bool = False
    wide: bool = False


class LimitGiven(OrderWords, frozen=True, kw_only=True):
    """How much of what somebody may use."""

    per: Per
    what: Quantity
    amount: Name
    subject: Name | None = None
    burst: Annotated[int, Meta(ge=1, le=2**53)] | None = None


class UsageQuery(Given, frozen=True, kw_only=True):
    """Whose use: somebody of a kind, or (``global``, and nobody by name) that of all together."""

    per: Per
    subject: Name | None = None


class OffencesQuery(Given, frozen=True, kw_only=True):
    """Whose offences."""

    kind: Caller
    value: Text


class RollbackQuery(Given, frozen=True, kw_only=True):
    """To which version; without one to that before the last order about rules."""

    to: Annotated[int, Meta(ge=0, le=2**53)] | None = None


class BundleQuery(Given, frozen=True, kw_only=True):
    """How a bundle is taken. `dry_run`: it is only told what would change."""

    dry_run: Flag = "false"


class RuleGiven(OrderWords, frozen=True, kw_only=True):
    """A text or a pattern, one of both, to block. Without an `id` it gets one, the same for the same rule."""

    id: Name | None = None
    target: Literal["prompt", "output"] = "prompt"
    literal: Text | None = None
    regex: Text | None = None
    shadow: bool = False


class RouteGiven(OrderWords, frozen=True, kw_only=True):
    """What to do with a model; `offline` and `online` without a `model` are about all. `version` is for `switch`."""

    action: Literal["switch", "isolate", "offline", "online"]
    model: Name | None = None
    version: Name | None = None


class OperatorGiven(OrderWords, frozen=True, kw_only=True):
    """Who may call, and as what."""

    name: Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}\Z")]
    role: Role


class WordsGiven(Given, frozen=True, kw_only=True):
    """What is said of one change of an order by itself, in the place of what the order says."""

    reason: Reason | None = None
    incident: Incident | None = None
    expires: Time | None = None


class OrderGiven(OrderWords, frozen=True, kw_only=True):
    """Changes that come into force together, or not at all. `each`: what is said of each by itself, in their order."""

    changes: Annotated[list[dict[str, Any]], Meta(min_length=1, max_length=100_000)]
    each: Annotated[list[WordsGiven], Meta(min_length=1, max_length=100_000)] | None = None


class OrderShape(OrderWords, frozen=True, kw_only=True):
    """The same for the OpenAPI document, with what a change may be."""

    changes: Annotated[list[AnyChange], Meta(min_length=1, max_length=100_000)]
    each: Annotated[list[WordsGiven], Meta(min_length=1, max_length=100_000)] | None = None


class Nothing(Given, frozen=True, kw_only=True):
    """No query."""


class OrderQuery(Given, frozen=True, kw_only=True):
    """How an order is taken. `dry_run`: it is only told what would change. `patience`: for how many seconds at most the
    answer waits until it is in force; `brief`: it leaves out the records.
    """

    dry_run: Flag = "false"
    brief: Flag = "false"
    patience: Annotated[float, Meta(ge=0, le=600)] | None = None


class RemovalQuery(Given, frozen=True, kw_only=True):
    """Why something is taken back."""

    reason: Reason
    incident: Incident | None = None
    actor: Name | None = None
    dry_run: Flag = "false"


class PageQuery(Given, frozen=True, kw_only=True):
    """Which page of a list."""

    limit: Size = 100
    cursor: Cursor | None = None


class ChangesQuery(PageQuery, frozen=True, kw_only=True):
    """Which changes: the newest first, or from the `oldest` on; of any `type`, or of these. A page has fewer than there
    is room for, or none, where many others lie between.
    """

    order: Literal["newest", "oldest"] = "newest"
    type: tuple[Kind, ...] = ()


class EventsQuery(Given, frozen=True, kw_only=True):
    """Where a stream of changes begins; `Last-Event-ID` comes before it. Without both it begins now."""

    after: Annotated[int, Meta(ge=0, le=2**53, description="The version after which it begins.")] | None = None


class JournalQuery(Given, frozen=True, kw_only=True):
    """Which exchanges, the newest first; of several values for one thing, any."""

    text: Annotated[str, Meta(min_length=1, max_length=1_024)] | None = None
    since: Time | None = None
    until: Time | None = None
    client: tuple[Name, ...] = ()
    account: tuple[Name, ...] = ()
    address: tuple[Name, ...] = ()
    route: tuple[Name, ...] = ()
    model: tuple[Name, ...] = ()
    version: tuple[Name, ...] = ()
    rule: tuple[Name, ...] = ()
    status: tuple[Name, ...] = ()
    end: tuple[Name, ...] = ()
    reason: tuple[Name, ...] = ()
    limit: Size = 50


class Provenance(Struct, frozen=True, kw_only=True):
    """Where a measure comes from: the version that it came with, when, by whom, why, and until when."""

    version: int
    at: float
    actor: str
    reason: str
    incident: str | None = None
    expires: float | None = None


class BlockShown(Provenance, frozen=True, kw_only=True):
    """A block in force."""

    kind: Caller
    value: str
    simulated: bool


class LimitShown(Provenance, frozen=True, kw_only=True):
    """A limit in force."""

    per: Per
    subject: str | None
    what: Quantity
    amount: str
    burst: int | None


class Uses(Struct, frozen=True):
    """How much somebody uses now, limit by limit."""

    items: list[Use]


class RuleShown(Provenance, frozen=True, kw_only=True):
    """A rule in force that was added by an order."""

    id: str
    target: Literal["prompt", "output"]
    literal: str | None
    regex: str | None
    shadow: bool


class RuleInForce(Struct, frozen=True, kw_only=True, rename={"from_": "from"}):
    """A rule in force. Those that were added have a `text` and where they come from, others a `title`, a `level` and
    their `file`; `disabled` says who took it out of force.
    """

    id: str
    target: Literal["prompt", "output"]
    action: str
    status: Literal["enforce", "shadow", "disabled"]
    from_: Literal["configured", "pushed", "added"]
    title: str | UnsetType = UNSET
    level: str | UnsetType = UNSET
    file: str | UnsetType = UNSET
    text: str | UnsetType = UNSET
    is_regex: bool | UnsetType = UNSET
    shadow: bool | UnsetType = UNSET
    version: int | UnsetType = UNSET
    at: float | UnsetType = UNSET
    actor: str | UnsetType = UNSET
    reason: str | UnsetType = UNSET
    incident: str | UnsetType | None = UNSET
    expires: float | UnsetType | None = UNSET
    disabled: Provenance | UnsetType = UNSET


class Bundle(Struct, frozen=True):
    """Rules that were taken in, and may be pushed by their hash; for a dry run the ids of those that would come, go and
    change.
    """

    bundle: str
    rules: int
    warnings: list[str]
    added: list[str] | UnsetType = UNSET
    removed: list[str] | UnsetType = UNSET
    changed: list[str] | UnsetType = UNSET


class Offences(Struct, frozen=True):
    """How many `earlier` blocks of a caller count, if there is another one now."""

    earlier: int


class OperatorShown(Provenance, frozen=True, kw_only=True):
    """Somebody who may call."""

    name: str
    role: Role


class RouteShown(Struct, frozen=True, kw_only=True):
    """A model: which version is asked first, which may follow, and whether anybody gets to it."""

    model: str
    active: str
    fallback: list[str]
    isolated: bool
    offline: bool


class Page(Struct, Generic[T], frozen=True, kw_only=True):
    """Some of a list's items. `next`: the cursor of the next page, null on the last; `version`: the control log's."""

    items: list[T]
    next: str | None
    version: int


class Record(Struct, frozen=True, kw_only=True):
    """A change as the control log has it. `store`: the version that it made in the store, if it came from there."""

    seq: int
    store: int | UnsetType = UNSET
    id: str | UnsetType = UNSET
    at: float
    actor: str
    reason: str
    incident: str | UnsetType = UNSET
    expires: float | UnsetType = UNSET
    change: dict[str, Any]


class Late(Struct, frozen=True):
    """A worker that has an order not in force; `fault` says why, if it could not."""

    log: str
    fault: str


class Preview(Struct, frozen=True):
    """What a change would do: its effect, and the record of what is in force now in that place."""

    change: dict[str, Any]
    effect: Literal["adds", "replaces", "removes", "nothing"]
    now: dict[str, Any] | None


class Placed(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of an order: its records, how many workers there are, which are late, and after what time.

    `preview` has what would become of it, for a dry run; `token` is a new operator's, told this once; `trouble` says
    why other machines do not have it yet.
    """

    version: int
    changes: list[dict[str, Any]] = field(default_factory=list)
    workers: int | None = None
    late: list[Late] | None = None
    seconds: float | None = None
    preview: list[Preview] | None = None
    token: str | None = None
    trouble: str | None = None


class WorkerShown(Struct, frozen=True, kw_only=True):
    """A worker, the versions of its policy and its measures, and the pushed rules that it has or makes ready; and what
    it counts, once it has told.
    """

    log: str
    pid: int
    policy: int
    measures: int
    fault: str
    rules: str
    waits: str
    requests: int | UnsetType = UNSET
    records: int | UnsetType = UNSET
    lost: int | UnsetType = UNSET
    now: Gauges | UnsetType = UNSET


class JournalShown(Struct, frozen=True, kw_only=True):
    """The journal: bytes that are left on its disk, each log's signed records, how many segments are in which state and
    how large they are, since when one waits to be sealed, and how old (seconds) the newest checkpoint is.
    """

    free: int | None
    logs: dict[str, LogHealth]
    segments: dict[Literal["open", "finished", "sealed", "deleted"], int]
    bytes: int
    unsealed_since: float | None
    checkpoint_age: float | None


class Status(Struct, frozen=True, kw_only=True):
    """This machine: the newest version, the workers that run, and those that have it not in force; and how all else
    stands: what is wrong, a sentence each, records that are lost, what watches over the workers, the keeper, this
    control process, the journal, and the store with the machines that share it, if there is one. `measures` is the
    newest version by the files, null where they cannot be relied on.
    """

    node: str
    software: str
    version: int
    measures: int | None
    supervisor: Supervision | None
    workers: list[WorkerShown]
    behind: list[str]
    problems: list[str]
    lost: int
    keeper: bool
    control: bool | None
    journal: JournalShown
    store: Reach | None


class Exchanges(Struct, frozen=True, kw_only=True):
    """Exchanges of the journal, the newest first. `complete`: whether all that there are were looked for."""

    items: list[dict[str, Any]]
    complete: bool
    notes: list[str]


class Health(Struct, frozen=True):
    """Whether it is well."""

    status: Literal["ok", "starting"]
