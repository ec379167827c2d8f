"""Callers as orders name them: whom there can be by the configuration, and how often one was blocked lately."""

from __future__ import annotations

from time import time

from guard.admin.answer import Answer, json
from guard.admin.call import Call
from guard.admin.shapes import Offences
from guard.control.callers import known
from guard.control.names import canonical


def listed(call: Call) -> Answer:
    """Those of the configuration."""
    return json(known(call.desk.config))


def offences(call: Call) -> Answer:
    """How many earlier blocks of one count, if there is another now."""
    kind, value = call.query.kind, canonical(call.query.kind, call.query.value)
    with call.desk.state() as state:
        return json(Offences(state.offences.earlier(kind, value, time())))
