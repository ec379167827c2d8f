from msgspec.structs import replace

from guard.config import Block, Config, Data, Http, Identify, Journal, Limit, Redact, Rules, Tls, Tracing, Upstream
from guard.settings.renewal import renewed
from tests.support.values import config

RUNNING = config(data={"tls": {"certificate": "a", "key": "a"}})


def test_decisions_are_taken_over():
    """Who is known, blocked and limited, where requests go, the rules and the certificates are the fresh ones."""
    fresh = replace(
        RUNNING,
        data=replace(RUNNING.data, tls=Tls(certificate="b", key="b", client_ca="c")),
        blocks=(Block(ip="192.0.2.1"),),
        limits=(Limit(per="client", concurrency=1),),
        identify=Identify(unknown="refuse"),
        rules=Rules(dir=None),
        journal=Journal(redact=(Redact(name="user", field="/user"),)),
        routes=(*RUNNING.routes, replace(RUNNING.routes[0], path="/")),
    )
    assert renewed(RUNNING, fresh) == (fresh, [])


def test_what_is_open_stays_as_it_is():
    """Listeners, workers, folders and bounds are kept, and each key that differs there is told."""
    fresh = replace(
        RUNNING,
        data=Data(listen="0.0.0.0:1", workers=2, drain_timeout=1, proxy_protocol=True, http=Http(pipeline=1)),
        admin=replace(RUNNING.admin, listen="0.0.0.0:2"),
        state="elsewhere",
        journal=Journal(dir="other"),
        tracing=Tracing(endpoint="http://collector/v1/traces"),
        upstream=Upstream(keepalive=1),
    )
    config, kept = renewed(RUNNING, fresh)
    assert config == RUNNING
    assert sorted(kept) == sorted(
        ["admin", "state", "journal", "tracing", "upstream", "data.listen", "data.workers", "data.drain_timeout",
         "data.proxy_protocol", "data.http", "data.tls"]
    )  # fmt: skip


def test_every_part_of_the_configuration_is_one_or_the_other():
    """A section is either taken over whole, or kept whole, but for `data`."""
    taken = {"models", "routes", "rules", "identify", "clients", "blocks", "limits"}
    assert {*Config.__struct_fields__} == taken | {"data", "admin", "state", "journal", "store", "tracing", "upstream"}
