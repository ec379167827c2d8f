"""What is counted of real exchanges."""

from __future__ import annotations

import orjson

from guard.counts import Counts
from guard.proxy.ends import MOST_TOKENS, Ends
from tests.support.guard import guard, one_model
from tests.support.model import chat_answer, model
from tests.support.values import exchange, policy


def with_usage(text):
    """An answer that tells what it took."""
    return orjson.dumps({**orjson.loads(chat_answer(text)), "usage": {"prompt_tokens": 7, "completion_tokens": 5}})


async def test_each_exchange_is_counted_once_when_it_ends(tmp_path):
    """By model, version and end, with what its rules found, what it took and what it weighed."""

    async def script(call):
        await call.answer(with_usage("hello"))

    async with model(script) as served, guard(tmp_path, one_model(served.url)) as running:
        answers = [await running.chat(text) for text in ("a watched phrase", "a forbidden phrase", "odd words")]
        await running.journal(3)
        counts = running.proxy.tally.counts
        assert counts.requests == {("chat", "v1", "complete"): 2, ("chat", "", "refused"): 1}
        assert counts.refusals == {"content_policy_violation": 1}
        assert counts.findings == {
            ("prompt", "shadow", "block"): 1, ("prompt", "enforce", "block"): 1, ("prompt", "enforce", "flag"): 1
        }  # fmt: skip
        assert counts.tokens == {("chat", "v1", "input"): 14, ("chat", "v1", "output"): 10}
        assert counts.asked == sum(len(answer.request.content) for answer in answers)
        assert counts.answered == sum(len(answer.content) for answer in answers)
        assert sum(counts.overhead.counts) == 3
        assert sum(counts.upstream.counts) == sum(counts.first_byte.counts) == 2
        assert 0 < counts.overhead.sum < 1


async def test_a_path_that_leads_nowhere_is_counted_without_a_model(tmp_path):
    """What clients make up is no label."""
    async with model() as served, guard(tmp_path, one_model(served.url)) as running:
        async with running.client as client:
            await client.get("/made/up")
        await running.journal()
        assert running.proxy.tally.counts.requests == {("", "", "refused"): 1}


async def test_versions_that_do_not_answer_are_counted(tmp_path):
    """Each try that failed, also where the next one answered."""

    async def fail(call):
        await call.answer(b"{}", status=503)

    async with (
        model(fail) as bad,
        model() as good,
        guard(tmp_path, one_model(bad.url, good.url, route="repeat: true")) as running,
    ):
        await running.chat()
        await running.journal()
        assert running.proxy.tally.counts.failures == {("chat", "v1"): 1}
        assert running.proxy.tally.counts.requests == {("chat", "v2", "complete"): 1}


def test_what_is_counted_is_poured_once():
    """Looking twice adds nothing; a model that tells of impossible numbers is not believed."""
    counts = Counts()
    ends = Ends(counts)
    one = exchange(policy())
    one.route, one.version = one.routes[0], one.policy.routes.versions[0]
    one.end, one.overhead, one.answer = "complete", 0.000_2, b"answer"
    one.usage = {"input_tokens": 3, "output_tokens": 2**53, "total_tokens": 5}
    ends.take(one)
    assert counts.requests == {}
    for _ in range(2):
        ends.pour()
        assert counts.requests == {("chat", "v2", "complete"): 1}
        assert counts.tokens == {("chat", "v2", "input"): 3, ("chat", "v2", "output"): MOST_TOKENS}
        assert (counts.answered, counts.overhead.sum, sum(counts.overhead.counts)) == (6, 0.000_2, 1)
