"""This machine: the workers that run, and what each has in force."""

from __future__ import annotations

import msgspec

import guard
from guard.admin.answer import Answer, json
from guard.admin.call import Call
from guard.admin.shapes import Health, Status
from guard.control.standing import document, standing
from guard.proof.node import node_name


def shown(call: Call) -> Answer:
    """The newest version, the workers, those that are behind, and what else `guard status` tells."""
    with call.desk.state() as state:
        version = state.version
    whole = {**document(standing(call.desk.config)), "node": node_name(call.desk.folder)}
    return json(msgspec.convert({**whole, "software": guard.__version__, "version": version}, Status))


def healthy(call: Call) -> Answer:  # noqa: ARG001  what every handler is given
    """The control process answers."""
    return json(Health("ok"))


def ready(call: Call) -> Answer:
    """The control log can be read."""
    with call.desk.state():
        return json(Health("ok"))
