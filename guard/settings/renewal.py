"""A configuration read again while the guard runs: what of it counts at once, and what only a restart brings."""

from __future__ import annotations

from msgspec.structs import replace

from guard.config import Config, Data

FIXED = ("admin", "state", "store", "tracing", "upstream")
FIXED_DATA = tuple(name for name in Data.__struct_fields__ if name != "tls")


def renewed(running: Config, fresh: Config) -> tuple[Config, list[str]]:
    """The fresh configuration with all that cannot change as it runs, and the keys that differ there.

    Sockets, processes, files and connections that are open stay what they are; so does speaking TLS or not, while its
    certificates are the fresh ones. Of the journal only what must not be in it is a matter of the policy.
    """
    kept = [name for name in FIXED if getattr(fresh, name) != getattr(running, name)]
    journal = replace(running.journal, redact=fresh.journal.redact)
    kept += ["journal"] if journal != fresh.journal else []
    kept += [f"data.{name}" for name in FIXED_DATA if getattr(fresh.data, name) != getattr(running.data, name)]
    tls = fresh.data.tls
    if (tls.certificate is None) != (running.data.tls.certificate is None):
        kept.append("data.tls")
        tls = running.data.tls
    fixed = {name: getattr(running, name) for name in FIXED}
    return replace(fresh, data=replace(running.data, tls=tls), journal=journal, **fixed), kept
