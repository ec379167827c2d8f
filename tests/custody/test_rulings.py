"""The way back is what makes the rules those that they were."""

import pytest

from guard.custody.rulings import NoWayBackError, once, rulings, version_of, way_back

A, B = "a" * 64, "b" * 64


def push(bundle):
    """Rules are pushed, or (None) the configured ones count again."""
    return {"type": "push-rules", "bundle": bundle}


def add(id_, **more):
    """A rule is added, as the log has it."""
    return {"type": "add-rule", "id": id_, "target": "prompt", "literal": id_, "regex": None, "shadow": False, **more}


def named(kind, id_):
    """A change of one rule."""
    return {"type": f"{kind}-rule", "id": id_}


BLOCK = {"type": "block", "kind": "ip", "value": "192.0.2.1"}


def log(*orders, **more):
    """A control log with these orders, each one or several changes at a time; the first record is no change."""
    changes = [(at, one) for at, order in enumerate(orders) for one in (order if isinstance(order, list) else [order])]
    return [
        {"seq": seq, "kind": "change", "at": float(at), "actor": "ann", "reason": "r", "change": change, **more}
        for seq, (at, change) in enumerate(changes, 1)
    ]


@pytest.mark.parametrize(
    ("orders", "to", "steps", "reached"),
    [
        ([push(A)], None, [push(None)], 0),
        ([push(A), push(B)], None, [push(A)], 2),
        ([push(A), push(B), BLOCK, BLOCK], None, [push(A)], 2),
        ([push(A), push(B), push(A)], 3, [push(B)], 3),
        ([push(A), BLOCK, push(B)], 3, [push(A)], 3),
        ([push(A), add("x")], 0, [push(None), named("remove", "x")], 0),
        ([push(A), add("x")], 1, [push(None), named("remove", "x")], 1),
        ([push(A), add("x")], 4, None, None),
        ([BLOCK, push(A), add("x")], 2, [push(None), named("remove", "x")], 2),
        ([add("x"), named("remove", "x")], None, [add("x")], 2),
        ([add("x"), add("x", shadow=True)], None, [add("x")], 2),
        ([named("disable", "x")], None, [named("enable", "x")], 0),
        ([named("disable", "x"), named("enable", "x")], None, [named("disable", "x")], 2),
        # What made no difference is passed over.
        ([push(A), push(A)], None, [push(None)], 0),
        ([push(A), push(B), push(B), BLOCK, push(B)], None, [push(A)], 2),
        ([push(A), push(B), push(A), push(A)], None, [push(B)], 3),
        # What was ordered at once is taken back at once, also a rollback.
        ([push(A), add("x"), [push(B), named("remove", "x")]], None, [push(A), add("x")], 3),
    ],
)
def test_the_way_back(orders, to, steps, reached):
    """To before the last order about rules, or to any version that there was; blocks are left alone."""
    if steps is None:
        with pytest.raises(NoWayBackError, match="no version"):
            way_back(log(*orders), to, 99.0)
        return
    records = log(*orders)
    way = way_back(records, to, 99.0)
    assert [step.change for step in way.steps] == steps
    assert (way.to, way.seen) == (reached, len(records) + 1)
    assert all(step.told for step in way.steps)


@pytest.mark.parametrize(
    ("orders", "to", "told"),
    [
        ([], None, "no rules were pushed"),
        ([BLOCK], None, "no rules were pushed"),
        ([push(A)], 9, "there is no version 9"),
        ([push(A), BLOCK], 2, "the rules are as they were at version 2"),
        ([push(None), push(None)], None, "the rules are as they were at version 0"),
    ],
)
def test_without_a_way_it_is_told(orders, to, told):
    """And why."""
    with pytest.raises(NoWayBackError, match=told):
        way_back(log(*orders), to, 99.0)


def test_what_is_over_is_not_brought_back():
    """What would be over soon is over then."""
    records = log(add("x"), add("y"), [named("remove", "x"), named("remove", "y")])
    records[0]["expires"], records[1]["expires"] = 50.0, 150.0
    (step,) = way_back(records, None, 99.0).steps
    assert (step.change["id"], step.expires) == ("y", 150.0)


def test_a_version_is_that_of_the_store_where_there_is_one():
    """As everything else tells it."""
    records = log(push(A), push(B))
    for record, version in zip(records, (70, 71), strict=True):
        record["store"] = version
    assert [version_of(record) for record in records] == [70, 71]
    assert version_of(log(push(A))[0]) == 2
    assert [step.change for step in way_back(records, 70, 99.0).steps] == [push(A)]


def test_history_is_what_is_about_rules():
    """And nothing else, whatever the log holds."""
    records = [*log(push(A), BLOCK, add("x")), {"seq": 9, "kind": "change", "change": "odd"}]
    assert [record["change"] for record in rulings(records)] == [push(A), add("x")]


def test_a_change_that_the_log_has_twice_is_one():
    """It stands where it came from the store; without ids nothing is taken for the same."""
    first, second, third = log(push(A), push(B), push(A))
    again = {**first, "id": "x", "store": 4}
    assert once([{**first, "id": "x"}, {**second, "id": "y"}, again]) == [{**second, "id": "y"}, again]
    assert once([first, second, third]) == [first, second, third]
