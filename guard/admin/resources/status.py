"""This machine: the workers that run, and what each has in force."""

from __future__ import annotations

import guard
from guard.admin.answer import Answer, json
from guard.admin.call import Call
from guard.admin.shapes import Health, Status, WorkerShown
from guard.control.standing import document, standing
from guard.proof.node import node_name


def shown(call: Call) -> Answer:
    """The newest version, the workers, those that are behind, and what else `guard status` tells."""
    with call.desk.state() as state:
        version = state.version
    found = standing(call.desk.config)
    whole = document(found)
    running = [worker.running for worker in found.workers]
    workers = [
        WorkerShown(log=one.log, pid=one.pid, policy=one.policy, measures=one.measures, fault=one.fault)
        for one in running
    ]
    return json(
        Status(
            node=node_name(call.desk.folder), software=guard.__version__, version=version, workers=workers,
            behind=found.behind, problems=found.problems, lost=found.lost, keeper=found.keeper,
            journal=whole["journal"], store=whole["store"],
        )
    )  # fmt: skip


def healthy(call: Call) -> Answer:  # noqa: ARG001  what every handler is given
    """The control process answers."""
    return json(Health("ok"))


def ready(call: Call) -> Answer:
    """The control log can be read."""
    with call.desk.state():
        return json(Health("ok"))
