"""Bodies that are not plain JSON, from a client to a model and into the journal."""

from __future__ import annotations

import gzip
import json
import time
import zlib
from base64 import b64decode
from pathlib import Path

import brotli
import httpx
import openai
import pytest

from guard.wire.multipart import parse
from tests.support.encoders import ENCODERS, zstd
from tests.support.guard import guard, one_model
from tests.support.model import model
from tests.support.processes import serving

ASK = {"model": "m-1", "messages": [{"role": "user", "content": "hi"}]}
CANONICAL = json.dumps(ASK, separators=(",", ":")).encode()
PATH = "/v1/chat/completions"
WAVE = b"RIFF\xff\xff\xff\xffWAVE" + bytes(range(256)) * 20
TAKING = "also_accept: [multipart, binary]"
REFUSED_TEXT = "a forbidden phrase here"

SERVED = """
models: {{chat: {{versions: {{v1: {{url: "{url}"}}}}, active: v1}}}}
routes: [{{path: /v1/, format: openai, model: chat, not_understood: pass, also_accept: [multipart, binary]}}]
"""
PEAK_GROWTH = 64 * 1024  # KiB


async def transcribe(call):
    """A model that transcribes whatever it hears."""
    await call.answer(b'{"text":"Hello there."}')


@pytest.mark.parametrize("more", ["", "not_understood: pass"])
@pytest.mark.parametrize("coding", ENCODERS)
async def test_a_compressed_body_goes_on_plain(tmp_path, coding, more):
    """The model gets the document in its one form and no word of a coding; the journal shows it decoded."""
    async with model() as served, guard(tmp_path, one_model(served.url, route=more)) as running:
        async with running.client as client:
            body = ENCODERS[coding](json.dumps(ASK, indent=1).encode())
            headers = {"content-encoding": coding, "content-type": "application/json"}
            assert (await client.post(PATH, content=body, headers=headers)).status_code == 200
        [exchange] = await running.journal()
    assert served.calls[0].body == CANONICAL
    assert served.calls[0].header(b"content-encoding") is None
    assert served.calls[0].header(b"content-length") == str(len(CANONICAL)).encode()
    assert json.loads(exchange["request"]["body"]) == ASK
    assert exchange["request"]["decoded_from"] == coding
    assert exchange["prompt"] == ["hi"]


@pytest.mark.parametrize("coding", ENCODERS)
async def test_rules_see_what_is_compressed(tmp_path, coding):
    """A compressed prompt is matched like any other."""
    ask = {**ASK, "messages": [{"role": "user", "content": REFUSED_TEXT}]}
    async with model() as served, guard(tmp_path, one_model(served.url)) as running, running.client as client:
        body = ENCODERS[coding](json.dumps(ask).encode())
        answer = await client.post(PATH, content=body, headers={"content-encoding": coding})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "content_policy_violation")
    assert served.calls == []


async def test_what_cannot_be_decoded_is_in_the_journal_as_it_came(tmp_path):
    """The evidence of a refused body is the body; the answer tells what would be taken."""
    body = gzip.compress(CANONICAL)
    async with model() as served, guard(tmp_path, one_model(served.url)) as running:
        async with running.client as client:
            cut = await client.post(PATH, content=body[:-3], headers={"content-encoding": "gzip"})
            stacked = await client.post(PATH, content=body, headers=[("content-encoding", "gzip")] * 2)
        found = await running.journal(2)
    assert (cut.status_code, cut.json()["error"]["code"]) == (400, "body_not_decodable")
    assert (stacked.status_code, stacked.json()["error"]["code"]) == (415, "unsupported_content_encoding")
    assert stacked.headers["accept-encoding"] == "gzip, deflate, br, zstd"
    assert [b64decode(exchange["request"]["body_base64"]) for exchange in found] == [body[:-3], body]
    assert not any("decoded_from" in exchange["request"] for exchange in found)
    assert served.calls == []


def peak(pid: int) -> int:
    """The most memory that a process has had, in KiB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
def test_a_bomb_is_refused_soon_and_costs_little(tmp_path):
    """Some hundred megabytes in a few kilobytes are refused within a second, for no more than 64 MB of memory."""
    million = bytes(1_000_000)
    brotlier, zstder, squeezer = (
        brotli.Compressor(quality=3),
        zstd.ZstdCompressor(level=1),
        zlib.compressobj(1, wbits=31),
    )
    bombs = {
        "br": b"".join([brotlier.process(million) for _ in range(300)]) + brotlier.finish(),
        "zstd": b"".join([zstder.compress(million) for _ in range(300)]) + zstder.flush(),
        "gzip": b"".join([squeezer.compress(million) for _ in range(300)]) + squeezer.flush(),
    }
    with serving(tmp_path, SERVED, rules=None) as running, httpx.Client(base_url=running.url) as client:
        assert client.post(PATH, json=ASK).status_code == 200
        before = peak(running.worker)
        for coding, bomb in bombs.items():
            started = time.monotonic()
            answer = client.post(PATH, content=bomb, headers={"content-encoding": coding})
            assert time.monotonic() - started < 1
            assert (answer.status_code, answer.json()["error"]["code"]) == (413, "body_too_large")
        assert peak(running.worker) - before < PEAK_GROWTH


async def test_the_official_client_transcribes_through_it(tmp_path):
    """A form goes on under a boundary of the guard's own, with exactly the parts that the client sent."""
    async with (
        model(transcribe) as served,
        guard(tmp_path, one_model(served.url, route=TAKING)) as running,
        openai.AsyncOpenAI(base_url=f"{running.url}/v1", api_key="sk-x", max_retries=0) as client,
    ):
        answer = await client.audio.transcriptions.create(
            file=("a song.wav", WAVE, "audio/wav"),
            model="whisper-1",
            prompt="Some names: Ånström",
            timestamp_granularities=["word", "segment"],
        )
        [exchange] = await running.journal()
    assert answer.text == "Hello there."
    call = served.calls[0]
    boundary = (call.header(b"content-type") or b"").partition(b"boundary=")[2].decode()
    parts = [(part.name, part.filename, part.content) for part in parse(call.body, boundary).parts]
    assert sorted(parts, key=str) == sorted(
        [
            ("model", None, b"whisper-1"),
            ("prompt", None, "Some names: Ånström".encode()),
            ("timestamp_granularities[]", None, b"word"),
            ("timestamp_granularities[]", None, b"segment"),
            ("file", "a song.wav", WAVE),
        ],
        key=str,
    )
    came = b64decode(exchange["request"]["body_base64"])
    assert boundary.encode() not in came
    assert WAVE in came
    assert "Some names: Ånström" in exchange["prompt"]
    assert exchange["output"] == ["Hello there."]


@pytest.mark.parametrize(
    ("fields", "file"),
    [
        ({"prompt": REFUSED_TEXT}, ("a.wav", WAVE)),
        ({"prompt": "".join(f"\\u{ord(char):04x}" for char in REFUSED_TEXT)}, ("a.wav", WAVE)),
        ({REFUSED_TEXT: "x"}, ("a.wav", WAVE)),
        ({}, (f"{REFUSED_TEXT}.wav", WAVE)),
        ({}, ("a.txt", REFUSED_TEXT.encode(), "text/plain")),
        ({}, ("a.wav", REFUSED_TEXT.encode(), "audio/wav")),
    ],
)
async def test_rules_see_all_of_a_form(tmp_path, fields, file):
    """A phrase is found in a field, a name, a file's name, and a file that is text, whatever its type says."""
    async with (
        model(transcribe) as served,
        guard(tmp_path, one_model(served.url, route=TAKING)) as running,
        running.client as client,
    ):
        answer = await client.post("/v1/audio/transcriptions", data=fields, files={"file": file})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "content_policy_violation")
    assert served.calls == []


async def test_a_form_gets_the_version_s_own_model_name(tmp_path):
    """A version that is called under another name is, also in a form."""
    async with model(transcribe) as served:
        text = one_model(served.url, route=TAKING).replace('"}', '", name: real-name}')
        async with guard(tmp_path, text) as running, running.client as client:
            data = {"model": "whisper-1", "language": "whisper-1"}
            await client.post("/v1/audio/transcriptions", data=data, files={"file": ("a.wav", WAVE)})
    call = served.calls[0]
    boundary = (call.header(b"content-type") or b"").partition(b"boundary=")[2].decode()
    contents = {part.name: part.content for part in parse(call.body, boundary).parts}
    assert contents == {"model": b"real-name", "language": b"whisper-1", "file": WAVE}


async def test_a_form_is_refused_where_no_route_takes_it(tmp_path):
    """Without a word in the configuration, a body that is not JSON goes nowhere; the official client is told why."""
    async with (
        model(transcribe) as served,
        guard(tmp_path, one_model(served.url)) as running,
        openai.AsyncOpenAI(base_url=f"{running.url}/v1", api_key="sk-x", max_retries=0) as client,
    ):
        with pytest.raises(openai.APIStatusError) as error:
            await client.audio.transcriptions.create(file=("a.wav", WAVE), model="whisper-1")
    assert (error.value.status_code, error.value.code) == (415, "unsupported_media_type")
    assert served.calls == []


async def test_binary_bodies_go_through_untouched(tmp_path):
    """On a route that takes them, compressed or not, they reach the model as the bytes that they are."""
    async with model(transcribe) as served, guard(tmp_path, one_model(served.url, route=TAKING)) as running:
        async with running.client as client:
            for headers, content in (({}, WAVE), ({"content-encoding": "gzip"}, gzip.compress(WAVE))):
                headers = {"content-type": "audio/wav", **headers}
                assert (await client.post("/v1/audio", content=content, headers=headers)).status_code == 200
        found = await running.journal(2)
    assert [call.body for call in served.calls] == [WAVE, WAVE]
    assert [b64decode(exchange["request"]["body_base64"]) for exchange in found] == [WAVE, WAVE]
    assert [exchange["request"].get("decoded_from") for exchange in found] == [None, "gzip"]
