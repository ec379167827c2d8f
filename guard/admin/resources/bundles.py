"""Bundles of rules that are to be pushed: a whole folder in one body, checked before an order may name it."""

from __future__ import annotations

import threading

from guard.admin.answer import Answer, json
from guard.admin.call import Call
from guard.admin.problem import Fault, Problem, unfit
from guard.admin.shapes import Bundle
from guard.control.pushing import difference, prepared, publish
from guard.custody.rulings import bundle_of
from guard.ruleset.parcel import Parcel, ParcelError
from guard.ruleset.problem import BundleError
from guard.ruleset.problem import Problem as Mistake
from guard.ruleset.ready import Prepared

_preparing = threading.BoundedSemaphore(1)


def put(call: Call) -> Answer:
    """Take one, if all of its rules can be used; with `dry_run` in the query only tell what it would change."""
    found = _prepared(call)
    bundle = Bundle(bundle=found.bundle.hash, rules=len(found.bundle.rules), warnings=list(found.bundle.warnings))
    with call.desk.state() as state:
        before = bundle_of(state)
    if call.query.dry_run == "true":
        told = difference(call.desk.config, before, found)
        return json(Bundle(bundle.bundle, bundle.rules, bundle.warnings, *told))
    try:
        publish(call.desk.config, before, found)
    except OSError as error:
        raise Problem(503, "bundles", f"the rules cannot be kept: {error.strerror or error}") from None
    return json(bundle)


def _prepared(call: Call) -> Prepared:
    """Made ready, one at a time: an order that somebody gives meanwhile is not to wait for that."""
    if not _preparing.acquire(blocking=False):
        raise Problem(429, "bundles", "other rules are being made ready; try again", headers={"retry-after": "2"})
    try:
        return prepared(Parcel(call.body), call.desk.config.rules)
    except ParcelError as error:
        raise unfit("body", str(error)) from None
    except BundleError as error:
        detail = f"the rules cannot be used; mistakes: {len(error.errors)}"
        raise Problem(422, "unfit", detail, [_fault(one) for one in error.errors]) from None
    finally:
        _preparing.release()


def _fault(mistake: Mistake) -> Fault:
    place = f"{mistake.file}:{mistake.line}" if mistake.line else mistake.file
    return Fault(": ".join(filter(None, (place, mistake.rule, mistake.field))), str(mistake))
