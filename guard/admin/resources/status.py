"""This machine: the workers that run, and what each has in force."""

from __future__ import annotations

import guard
from guard.admin.answer import Answer, json
from guard.admin.call import Call
from guard.admin.shapes import Health, Status, WorkerShown
from guard.custody.workers import running
from guard.proof.node import node_name


def shown(call: Call) -> Answer:
    """The newest version, the workers, and those that are behind."""
    with call.desk.state() as state:
        version = state.version
    found = running(call.desk.folder, call.desk.journal)
    workers = [
        WorkerShown(log=one.log, pid=one.pid, policy=one.policy, measures=one.measures, fault=one.fault)
        for one in found
    ]
    behind = [one.log for one in found if one.measures < version or one.fault]
    return json(
        Status(
            node=node_name(call.desk.folder), software=guard.__version__, version=version, workers=workers,
            behind=behind,
        )
    )  # fmt: skip


def healthy(call: Call) -> Answer:  # noqa: ARG001  what every handler is given
    """The control process answers."""
    return json(Health("ok"))


def ready(call: Call) -> Answer:
    """The control log can be read."""
    with call.desk.state():
        return json(Health("ok"))
