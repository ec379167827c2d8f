"""The one object that travels: a request, what was found in it, and how it ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from guard.formats.base import Prompt
    from guard.policy.clients import Identity
    from guard.policy.held import Held
    from guard.policy.models import Route, Version
    from guard.policy.policy import Policy
    from guard.policy.waiting import Waiting
    from guard.redaction.secrets import Secrets
    from guard.refusal import Refusal
    from guard.wire.head import RequestHead
    from guard.wire.trace import Trace

Headers = list[tuple[bytes, bytes]]
Finding = dict[str, str]


class Attempt:
    """One try at one model version: HTTP status (0: none came), what went wrong, time taken in milliseconds."""

    __slots__ = ("error", "ms", "started_at", "status", "version")

    def __init__(self, version: Version, started_at: float) -> None:
        self.version = version
        self.started_at = started_at
        self.status = 0
        self.error: str | None = None
        self.ms = 0.0


class Exchange:
    """One request and its answer, filled in as it passes through the stages; the journal is written from it.

    Header names are lower-case. Fields ending in `_at` are `time.monotonic()` seconds (0.0: not yet); `at` is seconds
    since the epoch. `coding` is the content coding that `body` was decoded from (empty: it came plain). `head` is set
    by whoever makes the exchange, `policy` and `identity` when a worker takes it.
    """

    __slots__ = (
        "address", "answer", "asked_in", "at", "attempts", "body", "canonical", "coding", "complete", "confidence",
        "document", "end", "expected", "findings", "first_byte_at", "head", "held", "http10", "id", "identity",
        "keep_alive", "method", "output", "overhead", "path", "peer", "policy", "prompt", "received_at", "redacted",
        "refusal", "route", "routes", "secrets", "seen", "session", "status", "target", "trace", "usage", "version",
        "waited", "waiting", "withheld",
    )  # fmt: skip

    head: RequestHead
    policy: Policy
    identity: Identity

    def __init__(self) -> None:
        # What the wire saw.
        self.peer = ""
        self.method = ""
        self.target = ""
        self.path = ""
        self.http10 = False
        self.keep_alive = True
        self.body = b""
        self.coding = ""
        self.complete = False

        # Who and when.
        self.id = ""
        self.at = 0.0
        self.received_at = 0.0
        self.address = ""
        self.trace: Trace | None = None  # where it stands in a distributed trace; None: nobody is told
        self.asked_in: str | None = None  # the client's session, as a header of its request names it
        self.secrets: Secrets | None = None  # what of it must not be stored

        # What was decided.
        self.routes: tuple[Route, ...] = ()
        self.route: Route | None = None
        self.document: Any = None
        self.prompt: Prompt | None = None
        self.canonical: bytes | None = None
        self.findings: list[Finding] = []
        self.refusal: Refusal | None = None
        self.held: Held | None = None  # what it has of limits
        self.waiting: Waiting | None = None  # for what limits say of it, until they do
        self.expected: tuple[int, int] | None = None  # tokens that the model may read and write, where that is limited

        # What the model did; times in seconds.
        self.version: Version | None = None
        self.attempts: list[Attempt] = []
        self.waited = 0.0
        self.overhead = 0.0
        self.first_byte_at = 0.0
        self.output: list[str] | list[tuple[str, str]] = []
        self.seen = 0  # characters of output that are not in `output` any more, where tokens are limited
        self.redacted: dict[str, int] | None = None  # what of `output` is redacted already, counted by kind
        self.usage: dict[str, int] | None = None
        self.confidence: dict[str, Any] | None = None

        # What the client got.
        self.status = 0
        self.answer = b""
        self.end = ""
        self.withheld = 0  # bytes of `answer` that are not to be stored
        self.session: dict[str, Any] | None = None  # of a WebSocket: who closed it and how, and what passed

    def note(self, rule: str, target: str, mode: str, action: str) -> None:
        """Keep that a rule matched; `target` is ``prompt`` or ``output``, `mode` and `action` as the rule has them."""
        self.findings.append({"rule": rule, "target": target, "mode": mode, "action": action})
