"""What a configuration comes to: a policy, a TLS context, and a journal that says who writes it."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import ssl
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from guard.config import Config
from guard.custody.bundles import Shelf
from guard.custody.rules import configured as configured_rules
from guard.journal.slot import claim
from guard.journal.writer import Journal
from guard.policy.clients import load_salt
from guard.policy.policy import Policy, build
from guard.proof.node import node_name
from guard.redaction.rules import Field, Redaction, configured_keys, load_key, tokens_of
from guard.redaction.rules import Rules as RedactionRules
from guard.ruleset.redactor import compiled, spotter
from guard.wire.networks import Networks
from guard.wire.tls import server_context

FEW_KEYS = 1  # configured ones that are looked for one by one; more of them in one pass


class Decisions(NamedTuple):
    """What one reading of the configuration comes to, as far as it can change while the guard runs."""

    policy: Policy
    tls: ssl.SSLContext | None


def decide(config: Config, version: int = 1, *, anew: bool = True) -> Decisions:
    """Build what a configuration, its rules and its certificates state.

    With `anew` False rules that are not fit to be used any more are those that were.

    Raises:
        BundleError: the rules are not fit to be used; it names every error.
        RedactionError: a pattern of `journal.redact` is not.
        TlsError: the certificates are not.
        OSError, ValueError: the state folder cannot be used.
    """
    return Decisions(make_policy(config, version, anew=anew), server_context(config.data.tls))


def make_policy(config: Config, version: int = 1, *, anew: bool = True) -> Policy:
    """Build the policy that the configuration and its rules state; `anew` as for `decide`.

    Raises:
        BundleError: the rules are not fit to be used; it names every error.
        RedactionError: a pattern of `journal.redact` is not.
        OSError, ValueError: the state folder cannot be used.
    """
    rules = configured_rules(config.rules, Shelf(Path(config.state)), anew=anew)
    return build(config, rules, load_salt(Path(config.state)), version, make_redaction(config))


def make_redaction(config: Config) -> Redaction:
    """Build what the configuration has kept out of the journal.

    Raises:
        RedactionError: a pattern cannot be used.
        OSError, ValueError: the state folder cannot be used.
    """
    keys = tuple(configured_keys(config))
    spot = spotter(keys, config.rules.engine) if len(keys) > FEW_KEYS else None
    entries = config.journal.redact
    if not entries:
        return Redaction(keys, spot)
    names = [entry.name for entry in entries if entry.pattern is not None]
    fields = [Field(entry.name, tokens_of(entry.field)) for entry in entries if entry.field is not None]
    finder = compiled(entries, config.rules.engine)
    rules = RedactionRules(names, finder, fields, load_key(Path(config.state)))
    return Redaction(keys, spot, rules)


def open_journal(config: Config, policy: Policy) -> Journal:
    """Begin to write a log of one's own, in the running loop.

    Raises:
        OSError, ValueError: the journal or the state folder cannot be used.
    """
    slot = claim(journal_folder(config))
    return Journal(slot, config.journal, asyncio.get_running_loop(), custody(config, policy))


def custody(config: Config, policy: Policy) -> dict[str, Any]:
    """What the journal says of the guard that writes it: the node, and what it was told to do, as hashes.

    That of the configuration is keyed, because secrets are in it: the same on one installation for the same words.
    """
    state = Path(config.state)
    key = load_salt(state)
    words = msgspec.json.encode(config, order="sorted")
    digest = hmac.new(key, b"configuration\0" + words, hashlib.sha256).hexdigest()
    return {
        "node": node_name(state), "config": digest, "rules": policy.rules.hash, "measures": policy.measures.version,
        "policy": policy.version,
    }  # fmt: skip


def balancers(config: Config, policy: Policy) -> Networks | None:
    """Who begins connections with a PROXY header."""
    return policy.trusted_proxies if config.data.proxy_protocol else None


def journal_folder(config: Config) -> Path:
    """Where the journal's files are."""
    return Path(config.state) / config.journal.dir
