"""The one object that travels: a request, what was found in it, and how it ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from guard.formats.base import Prompt
    from guard.policy.clients import Identity
    from guard.policy.models import Route, Version
    from guard.policy.policy import Policy
    from guard.refusal import Refusal
    from guard.wire.head import RequestHead

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

    Header names are lower-case. Fields ending in `_at` are `time.monotonic()` seconds; `at` is seconds since the epoch.
    Defaults stand on the class, so that making one costs only what the request really brought.
    """

    # What the wire saw.
    peer: str = ""
    method: str = ""
    target: str = ""
    path: str = ""
    head: RequestHead
    http10: bool = False
    keep_alive: bool = True
    body: bytes = b""
    complete: bool = False

    # Who and when.
    id: str = ""
    at: float = 0.0
    received_at: float = 0.0
    address: str = ""
    identity: Identity

    # What was decided.
    policy: Policy
    routes: tuple[Route, ...] = ()
    route: Route | None = None
    document: Any = None
    prompt: Prompt | None = None
    canonical: bytes | None = None
    findings: list[Finding]
    refusal: Refusal | None = None
    held: tuple[tuple[dict[str, int], str], ...] = ()

    # What the model did.
    version: Version | None = None
    attempts: list[Attempt]
    waited: float = 0.0
    overhead: float = 0.0
    first_byte_at: float = 0.0
    output: list[str] | list[tuple[str, str]]
    usage: dict[str, int] | None = None
    confidence: dict[str, Any] | None = None

    # What the client got.
    status: int = 0
    answer: bytes = b""
    end: str = ""

    def __init__(self) -> None:
        self.findings = []
        self.attempts = []
        self.output = []

    def note(self, rule: str, target: str, mode: str, action: str) -> None:
        """Keep that a rule matched; `target` is ``prompt`` or ``output``, `mode` and `action` as the rule has them."""
        self.findings.append({"rule": rule, "target": target, "mode": mode, "action": action})
