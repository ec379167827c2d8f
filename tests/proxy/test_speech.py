"""What a model says, in pieces: what is given out when, and what the journal says of it."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from time import monotonic
from typing import Any

import orjson
import pytest

from guard import config
from guard.formats import format_for
from guard.journal.slot import claim
from guard.journal.writer import Journal
from guard.proxy.speech import HOLD_SECONDS, Speech
from guard.refusal import Refusal
from guard.stages.scan import HeldTooMuch
from guard.wire.websocket import Message
from tests.support.guard import RULES
from tests.support.journals import records
from tests.support.values import exchange, policy


class Heard:
    """A speech, what was given out of it, and its journal."""

    def __init__(self, speech: Speech, folder: Any, journal: Journal) -> None:
        self.speech = speech
        self.folder = folder
        self.journal = journal
        self.got = b""

    def say(self, name: bytes, message: dict[str, Any] | bytes) -> None:
        """Take a message; `name` stands for its bytes."""
        text = isinstance(message, dict)
        content = orjson.dumps(message) if isinstance(message, dict) else message
        for data in self.speech.take(Message(content, text), name):
            self.got += data

    def written(self) -> list[tuple[bool, list[Any], list[Any]]]:
        """The messages in the journal: whether each passed, its texts and its findings."""
        self.journal.close()
        lines = [record for record in records(self.folder) if record["kind"] == "frame"]
        return [(line["passed"], line["output"], line["findings"]) for line in lines]


@asynccontextmanager
async def speaking(folder: Any, *, format: str = "openai", limit: int = 10_000):
    """A speech under the rules that the tests of the whole guard use."""
    (folder / "rules").mkdir()
    (folder / "rules" / "10-test.yaml").write_text(RULES)
    journal = Journal(claim(folder / "journal"), config.Journal(), asyncio.get_running_loop(), {})
    one = exchange(policy(folder / "rules"), "/v1/realtime")
    yield Heard(
        Speech(one, format_for(format).session("/v1/realtime"), journal, limit, lambda _: None),
        folder / "journal",
        journal,
    )
    journal.close()


def delta(text: str, item: str = "i") -> dict[str, Any]:
    """A piece of a text."""
    return {"type": "response.output_text.delta", "item_id": item, "delta": text}


async def test_messages_keep_their_order(tmp_path):
    """One that may begin a match holds those behind it, until its text has ended."""
    async with speaking(tmp_path) as heard:
        heard.say(b"1", delta("fine. "))
        heard.say(b"2", delta("a sec"))
        heard.say(b"3", b"\xff\xff")
        heard.say(b"4", delta("fine. ", "j"))
        assert heard.got == b"1"
        assert not heard.speech.overdue(monotonic() + 2 * HOLD_SECONDS)
        heard.say(b"5", {"type": "response.output_text.done", "item_id": "i", "text": "fine. a sec"})
        assert heard.got == b"12345"
        channel = "i.0.output_text"
        assert heard.written() == [
            (True, [[channel, "fine. "]], []), (True, [[channel, "a sec"]], []), (True, [], []),
            (True, [["j.0.output_text", "fine. "]], []), (True, [], []),
        ]  # fmt: skip


async def test_nothing_of_a_match_is_given_out(tmp_path):
    """What was held is written down as not passed, and the finding stands with the message that completed it."""
    async with speaking(tmp_path) as heard:
        heard.say(b"1", delta("the secr"))
        with pytest.raises(Refusal):
            heard.say(b"2", delta("et-token is"))
        heard.speech.withhold()
        assert heard.got == b""
        (first, second) = heard.written()
    assert (first[0], first[2]) == (False, [])
    assert (second[0], [one["rule"] for one in second[2]]) == (False, ["output-block"])


async def test_what_nobody_tells_the_end_of_is_overdue(tmp_path):
    """In an API without ends of texts it is let go after a while, if it is no match as it stands."""
    async with speaking(tmp_path, format="generic") as heard:
        heard.say(b"1", {"text": "a secret"})
        assert not heard.speech.overdue(monotonic())
        assert heard.speech.overdue(monotonic() + HOLD_SECONDS)
        assert heard.speech.let_go() == b"1"
        assert not heard.speech.overdue(monotonic() + HOLD_SECONDS)
        heard.say(b"2", {"text": "-"})
        heard.say(b"3", {"other": "the secret-token"})
        with pytest.raises(Refusal):
            heard.speech.let_go()


async def test_the_end_gives_out_what_was_held(tmp_path):
    """A text that is over is no beginning of anything."""
    async with speaking(tmp_path) as heard:
        heard.say(b"1", delta("a sec"))
        assert (heard.got, heard.speech.close(), heard.speech.count) == (b"", b"1", 1)


async def test_too_much_is_not_held(tmp_path):
    """A text that never goes on does not fill the memory."""
    async with speaking(tmp_path, limit=10) as heard:
        heard.say(b"12345", delta("a sec"))
        with pytest.raises(HeldTooMuch):
            heard.say(b"678901", b"\xff")
