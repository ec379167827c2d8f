"""OpenAI's realtime API: what its clients say, and what its events tell."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from guard.formats import format_for
from guard.formats.realtime import RealtimeReader

OPENAI = format_for("openai")


@pytest.mark.parametrize(
    ("event", "texts"),
    [
        ({"type": "session.update", "session": {"instructions": "Be kind.", "voice": "alloy"}}, ["Be kind."]),
        (
            {"type": "session.update", "session": {"tools": [{"type": "function", "name": "f", "description": "d"}]}},
            ["f", "d"],
        ),
        (
            {"type": "conversation.item.create", "item": {"type": "message", "role": "user", "content": [
                {"type": "input_text", "text": "Hi"}, {"type": "input_audio", "audio": "AAAA", "transcript": "Ho"}]}},
            ["Hi", "Ho"],
        ),
        (
            {"type": "conversation.item.create", "item": {"type": "function_call_output", "call_id": "c",
                                                          "output": "rain"}},
            ["rain"],
        ),
        (
            {"type": "response.create", "response": {"instructions": "Short.", "input": [
                {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi"}]}]}},
            ["Short.", "Hi"],
        ),
        ({"type": "input_audio_buffer.append", "audio": "AAAA"}, []),
        ({"type": "input_audio_buffer.commit"}, []),
    ],
)  # fmt: skip
def test_the_prompt_is_what_the_model_reads(event, texts):
    """Instructions, tools and items are text; sound in base64 and settings are other strings."""
    prompt = OPENAI.prompt("/v1/realtime", event)
    assert prompt.texts == texts
    strings = orjson.dumps(prompt.texts + prompt.others).decode()
    assert all(word in strings for word in (event["type"], *texts))


class Conversation:
    """Events as a session brings them, and what was read in each."""

    def __init__(self) -> None:
        self.reader: RealtimeReader = RealtimeReader()

    def read(self, kind: str, **more: Any) -> tuple[list[tuple[str, str]], list[str]]:
        """The texts of an event that belong to a channel, and the channels that it ends."""
        found = self.reader.read(orjson.dumps({"type": kind, "event_id": "event_1", **more}))
        self.all = [text for _, text in found]
        return [(channel, text) for channel, text in found if not channel.startswith("=")], self.reader.ended


def test_a_text_is_told_in_deltas_and_ended_by_its_event():
    """Each item's part is a channel of its own, and what the end repeats is a repeat."""
    said = Conversation()
    place: dict[str, Any] = {"response_id": "r", "item_id": "i", "output_index": 0, "content_index": 0}
    assert said.read("response.output_text.delta", **place, delta="He") == ([("i.0.output_text", "He")], [])
    assert said.read("response.output_text.delta", **place, delta="y") == ([("i.0.output_text", "y")], [])
    assert said.read("response.output_text.done", **place, text="Hey") == ([], ["i.0.output_text"])
    assert "Hey" in said.all
    assert said.read("response.content_part.done", **place, part={"type": "text", "text": "Hey"})[0] == []
    assert "Hey" in said.all


def test_a_text_that_only_its_end_tells_is_told_there():
    """Where no deltas came, the whole text belongs to the channel."""
    said = Conversation()
    found = said.read("response.output_text.done", item_id="i", content_index=1, text="Hey")
    assert found == ([("i.1.output_text", "Hey")], ["i.1.output_text"])


@pytest.mark.parametrize(
    ("kind", "member"),
    [
        ("response.output_audio_transcript", "transcript"),
        ("response.audio_transcript", "transcript"),
        ("response.function_call_arguments", "arguments"),
        ("response.refusal", "refusal"),
    ],
)
def test_other_texts_in_deltas(kind, member):
    """Transcripts of what the model speaks, arguments of calls and refusals are texts likewise."""
    said = Conversation()
    [(channel, text)], _ = said.read(f"{kind}.delta", item_id="i", delta="a")
    assert text == "a"
    assert said.read(f"{kind}.done", item_id="i", **{member: "a"}) == ([], [channel])


def test_a_transcription_of_the_client_ends_too():
    """What was heard of the client is a text from its first delta to its completion, or its failure."""
    kind = "conversation.item.input_audio_transcription"
    for end in ("completed", "failed"):
        said = Conversation()
        said.read(f"{kind}.delta", item_id="i", content_index=0, delta="a")
        assert said.read(f"{kind}.{end}", item_id="i", content_index=0)[1] == ["i.0.input_audio_transcription"]


@pytest.mark.parametrize("kind", ["response.output_audio.delta", "response.audio.delta"])
def test_sound_is_no_text(kind):
    """Its deltas are base64, and neither scanned nor text."""
    said = Conversation()
    assert said.read(kind, item_id="i", delta="c2VjcmV0LXRva2Vu") == ([], [])
    assert said.all == []


def test_the_end_of_a_response_ends_all_its_texts():
    """A text whose own end never came is over with its response; another response's goes on."""
    said = Conversation()
    for response, item in (("r", "i"), ("r", "j"), ("s", "k")):
        said.read("response.output_text.delta", response_id=response, item_id=item, delta="a")
    _, ended = said.read("response.done", response={"id": "r", "usage": {"input_tokens": 2, "output_tokens": 3}})
    assert ended == ["i.0.output_text", "j.0.output_text"]
    assert said.read("response.done", response={"id": "s"})[1] == ["k.0.output_text"]


def test_nothing_accumulates():
    """A session of many texts leaves no trace of those that ended."""
    said = Conversation()
    for number in range(3_000):
        said.read("response.output_text.delta", response_id=str(number), item_id=f"i{number}", delta="a")
        said.read("response.done", response={"id": str(number)})
    assert said.reader._open == {}


def test_usage_is_the_sum_over_the_session():
    """Each response tells its own."""
    said = Conversation()
    assert said.reader.usage is None
    for cached in (1, 4):
        details = {"cached_tokens": cached}
        usage = {"input_tokens": 2, "output_tokens": 3, "total_tokens": 5, "input_tokens_details": details}
        said.read("response.done", response={"id": "r", "usage": usage})
    assert said.reader.usage == {"input_tokens": 4, "output_tokens": 6, "total_tokens": 10, "cached_tokens": 5}


@pytest.mark.parametrize(
    "message",
    [
        b'{"type":"session.created","session":{"instructions":"words"}}',
        b'{"type":"brand.new","deep":[{"er":"words"}]}',
        b'{"no type":"words"}',
        b'{"type":7,"x":"words"}',
        b'["words"]',
        b'"words"',
        b'{"type":"response.output_text.delta","delta":{"odd":"words"}}',
        b'{"type":"response.output_text.delta","delta":"","also":"words"}',
        b'{"type":"response.output_text.done","item_id":"i","also":"words"}',
        b'{"type":"response.output_text.delta","delta":NaN,"also":"words"}',
        b'{"type":"error","error":{"message":"words"}}',
    ],
)
def test_every_other_string_is_read_whole(message):
    """Whatever an event is, nothing in it goes unread, and none of it waits for more."""
    reader = RealtimeReader()
    found = reader.read(message)
    assert any("words" in text for _, text in found)
    assert all(channel.startswith("=") for channel, _ in found)


def test_what_is_no_json_is_one_text():
    """A message in plain words is read as such."""
    assert RealtimeReader().read(b"words") == [("=", "words")]


def test_channels_cannot_pass_for_repeats_or_grow():
    """A name that begins like a repeat, or is very long, is cut."""
    said = Conversation()
    [(channel, _)], _ = said.read("response.output_text.delta", item_id="=" + "x" * 10_000, delta="a")
    assert channel.startswith("x")
    assert len(channel) == 512
