"""What ``guard.yaml`` may say: frozen values with their defaults, and nothing that acts on them.

Times are seconds, sizes are bytes. `guard.settings` reads a file into these.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

Seconds = Annotated[float, Meta(gt=0)]
Count = Annotated[int, Meta(ge=1)]
Size = Annotated[int, Meta(ge=1)]
Name = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")]
Rate = Annotated[str, Meta(pattern=r"^[1-9][0-9]{0,11}/(s|min|h|d|month)\Z")]
Spending = Annotated[str, Meta(pattern=r"^(?!0+(\.0+)?/)[0-9]{1,12}(\.[0-9]{1,6})?/(s|min|h|d|month)\Z")]


class Section(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of every part of the configuration: immutable, and an unknown key is an error."""


class Http(Section, frozen=True):
    """Bounds on what a client may send, how much of it and how slowly."""

    connections: Count = 65_536
    connections_per_address: Count = 16_384
    requests_per_connection: Count = 10_000
    pipeline: Count = 32
    target_bytes: Size = 8_192
    header_bytes: Size = 65_536
    header_count: Count = 200
    body_bytes: Size = 10_485_760
    chunk_overhead_bytes: Size = 16_384
    trailer_bytes: Size = 8_192
    decoded_ratio: Count = 100
    header_timeout: Seconds = 10.0
    body_timeout: Seconds = 20.0
    body_rate: Size = 1_000
    request_timeout: Seconds = 300.0
    idle_timeout: Seconds = 75.0
    write_timeout: Seconds = 30.0


class Overload(Section, frozen=True):
    """How much each worker takes on before it refuses."""

    running: Count = 16_384
    queue: Annotated[int, Meta(ge=0)] = 1_024
    queue_timeout: Seconds = 1.0
    body_bytes: Size = 134_217_728
    lag: Seconds = 0.25


class Tls(Section, frozen=True):
    """The files that the listener speaks TLS with (none: plain HTTP), and whether clients must show a certificate."""

    certificate: str | None = None
    key: str | None = None
    client_ca: str | None = None
    client: Literal["required", "optional"] = "required"


class Data(Section, frozen=True):
    """The listener that clients talk to."""

    listen: str = "127.0.0.1:8080"
    tls: Tls = field(default_factory=Tls)
    proxy_protocol: bool = False
    workers: Count = 1
    drain_timeout: Seconds = 30.0
    hang_timeout: Seconds = 10.0
    http: Http = field(default_factory=Http)
    overload: Overload = field(default_factory=Overload)


class AdminTls(Section, frozen=True):
    """The files that the admin listener speaks TLS with; none: plain HTTP."""

    certificate: str | None = None
    key: str | None = None


class Admin(Section, frozen=True):
    """The listener that operators talk to (None: there is none), and the names that it is known by."""

    listen: str | None = "127.0.0.1:8081"
    hosts: tuple[str, ...] = ()
    tls: AdminTls = field(default_factory=AdminTls)
    plain: bool = False


class Identify(Section, frozen=True):
    """How a request's client is told: whose forwarding and PROXY headers count, which header names the session, what an
    unknown key means.
    """

    trusted_proxies: tuple[str, ...] = ()
    session_header: str | None = None
    unknown: Literal["allow", "refuse"] = "allow"


class Client(Section, frozen=True):
    """One caller that is known by its API key (`key` or `key_hash`, not both), its certificate, or either of them."""

    key: str | None = None
    key_hash: str | None = None
    certificate: str | None = None
    account: Name | None = None


class Block(Section, frozen=True):
    """One refusal of a client; exactly one of `ip`, `account`, `client`, `key`, `session` and `agent` says whom."""

    ip: str | None = None
    account: Name | None = None
    client: Name | None = None
    key: str | None = None
    session: str | None = None
    agent: str | None = None
    reason: str = ""
    simulated: bool = False


class Limit(Section, frozen=True):
    """A bound on the use that each subject of kind `per` may make; `burst` is of requests."""

    per: Literal["client", "account", "address", "route", "model", "global"]
    requests: Rate | None = None
    burst: Count = 1
    tokens: Rate | None = None
    cost: Spending | None = None
    concurrency: Count | None = None


class Upstream(Section, frozen=True):
    """How the guard talks to model endpoints."""

    connect_timeout: Seconds = 5.0
    first_byte_timeout: Seconds = 60.0
    idle_timeout: Seconds = 60.0
    total_timeout: Seconds = 600.0
    session_timeout: Seconds | None = None
    keepalive: Seconds = 4.0
    connections: Count = 16_384
    answer_bytes: Size = 33_554_432


class Price(Section, frozen=True):
    """What a million tokens cost that a model reads, and that it writes."""

    input: Annotated[float, Meta(ge=0)] = 0.0
    output: Annotated[float, Meta(ge=0)] = 0.0


class Version(Section, frozen=True):
    """One model version: where it answers, as whom the guard calls it, under which model name, and what it costs."""

    url: str
    key: str | None = None
    name: str | None = None
    ca: str | None = None
    price: Price = field(default_factory=Price)


class Model(Section, frozen=True):
    """A model as clients know it, and the versions that can serve it."""

    versions: Annotated[dict[Name, Version], Meta(min_length=1)]
    active: Name
    fallback: tuple[Name, ...] = ()


class Route(Section, frozen=True):
    """Which requests go to which model, and how their bodies are read.

    The first route whose `path` is a prefix of the request's path, and whose `names` (globs; none: any) match the
    document's `model` field, is taken. `prompt` and `output` are JSON pointers, with `*` for every element, for the
    generic format.
    """

    path: Annotated[str, Meta(pattern=r"^/")]
    format: Literal["openai", "anthropic", "generic"]
    model: Name
    names: tuple[str, ...] = ()
    repeat: bool = False
    websocket: bool = False
    not_understood: Literal["refuse", "pass"] = "refuse"
    also_accept: tuple[Literal["multipart", "binary"], ...] = ()
    prompt: tuple[str, ...] = ()
    output: tuple[str, ...] = ()


class Rules(Section, frozen=True):
    """Where rules are and what matches them."""

    dir: str | None = "rules"
    engine: Literal["auto", "hyperscan", "portable"] = "auto"
    hold_back: Annotated[int, Meta(ge=16, le=4096)] = 256


class Refusals(Section, frozen=True):
    """How many refusals a minute are written down one by one, in each worker, before they are only counted."""

    each: Count = 100
    matched: Count = 1_000
    all: Count = 10_000
    interval: Seconds = 10.0


class Retention(Section, frozen=True):
    """When sealed segments are deleted: at `age`, and the oldest beyond so many `bytes` altogether; None: never."""

    age: Seconds | None = None
    bytes: Size | None = None


class Witness(Section, frozen=True):
    """Who gets each checkpoint; exactly one of `file` and `url` says where. `key` is a bearer token for the URL."""

    file: str | None = None
    url: str | None = None
    key: str | None = None


class RedisSink(Section, frozen=True):
    """A stream that gets every record; without `url` there is none. It keeps about the newest `max_entries`."""

    url: str | None = None
    stream: str = "guard:journal"
    max_entries: Count = 100_000


class Ship(Section, frozen=True):
    """Where else the records go."""

    redis: RedisSink = field(default_factory=RedisSink)


class Redact(Section, frozen=True):
    """Something that must not be stored: what a `pattern` matches, or what stands in a `field`; `name` is its kind."""

    name: Name
    pattern: str | None = None
    field: str | None = None


class Journal(Section, frozen=True):
    """Where the evidence goes (relative to `state`), how safely, and what happens when it cannot."""

    dir: str = "journal"
    durability: Literal["before_forward", "before_reply", "interval"] = "before_reply"
    interval: Seconds = 0.1
    on_failure: Literal["refuse", "shed_outputs", "pass"] = "refuse"
    reserve_bytes: Size = 134_217_728
    buffer_bytes: Size = 67_108_864
    segment_bytes: Size = 134_217_728
    segment_age: Seconds = 3_600.0
    refusals: Refusals = field(default_factory=Refusals)
    checkpoint_interval: Seconds = 10.0
    seal_after: Annotated[float, Meta(ge=0)] = 0.0
    retention: Retention = field(default_factory=Retention)
    witnesses: tuple[Witness, ...] = ()
    ship: Ship = field(default_factory=Ship)
    redact: tuple[Redact, ...] = ()


class Store(Section, frozen=True):
    """What several machines share: where it is (None: each is on its own), and the fleet's name in it.

    `timeout` bounds how long it may take to be reached, and to answer, and `wait` how long a request waits for what
    limits say of it. `password` is for a URL that has none.
    """

    url: str | None = None
    password: str | None = None
    ca: str | None = None
    name: Name = "guard"
    timeout: Seconds = 1.0
    wait: Seconds = 0.025


class Tracing(Section, frozen=True):
    """Who gets each exchange as a span (OTLP over HTTP; None: nobody), and of how many of those that begin a trace."""

    endpoint: str | None = None
    sample: Annotated[float, Meta(ge=0, le=1)] = 1.0


class Config(Section, frozen=True):
    """A whole configuration file."""

    models: Annotated[dict[Name, Model], Meta(min_length=1)]
    routes: Annotated[tuple[Route, ...], Meta(min_length=1)]
    data: Data = field(default_factory=Data)
    admin: Admin = field(default_factory=Admin)
    state: str = "var"
    store: Store = field(default_factory=Store)
    rules: Rules = field(default_factory=Rules)
    identify: Identify = field(default_factory=Identify)
    clients: dict[Name, Client] = field(default_factory=dict)
    blocks: tuple[Block, ...] = ()
    limits: tuple[Limit, ...] = ()
    upstream: Upstream = field(default_factory=Upstream)
    journal: Journal = field(default_factory=Journal)
    tracing: Tracing = field(default_factory=Tracing)

    @property
    def needs_control(self) -> bool:
        """Whether operators, or other machines over the store, reach this one: that is the control process's work."""
        return self.admin.listen is not None or self.store.url is not None
