"""A thousand prompts through real processes: the same answers as without the guard, and all of it in the journal."""

from __future__ import annotations

import gzip
import json
import os
import random
from pathlib import Path

import httpx
import pytest

from guard.evidence.reader import exchanges
from tests.support.processes import serving

CONFIG = """
models: {{chat: {{versions: {{v1: {{url: "{url}"}}}}, active: v1}}}}
routes: [{{path: /v1/, format: openai, model: chat}}]
"""
COUNT = 1_000
ALPHABETS = (
    "abcdefghijklmnopqrstuvwxyz ABC 0123456789.,;:!?\n\t'\"\\/{}[]<>&",
    "äöüßéèçñ αβγδ абвг 漢字かな 한국어 ",
    "\u200b\u200d\ufeff\u00ad\u202e\u2066\U000e0041\u0301\ufe0f",
    "\x00\x01\x1b[31m\x7f\r\n\u2028\u2029\u0085",
    "😀👩‍👩‍👧‍👦🏳️‍🌈\U0001f468\U0001f3fd",
)


def prompts() -> list[str]:
    """Prompts from the file that GUARD_CORPUS names (JSON lines with `text`, gzipped or not), else made up."""
    source = random.Random(1)
    if name := os.environ.get("GUARD_CORPUS"):
        raw = Path(name).read_bytes()
        lines = (gzip.decompress(raw) if name.endswith(".gz") else raw).splitlines()
        return [json.loads(line)["text"] for line in source.sample(lines, COUNT)]
    return ["".join(source.choices(source.choice(ALPHABETS), k=source.randrange(1, 400))) for _ in range(COUNT)]


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_answers_are_the_same_and_everything_is_in_the_journal(tmp_path):
    """Each answer equals the model's own, but for ids and times; prompt and output stand in the journal exactly."""
    with serving(tmp_path, CONFIG, rules=None) as running, httpx.Client(timeout=30) as client:
        expected = {}
        for text in prompts():
            ask = {"model": "m", "messages": [{"role": "user", "content": text}]}
            through, direct = [
                client.post(f"{url}/v1/chat/completions", json=ask) for url in (running.url, running.model)
            ]
            assert through.status_code == direct.status_code == 200
            said = through.json()["choices"]
            assert said == direct.json()["choices"]
            expected[through.headers["x-guard-id"]] = (text, said[0]["message"]["content"], through.text)
        while sum(1 for exchange in exchanges(running.journal) if exchange["end"]) < COUNT:
            client.get(f"{running.url}/healthz")
        found = {exchange["id"]: exchange for exchange in exchanges(running.journal)}
    assert found.keys() == expected.keys()
    for id_, (text, said, answer) in expected.items():
        exchange = found[id_]
        assert exchange["prompt"] == ([text] if text else [])
        assert exchange["output"] == [said]
        assert exchange["response"]["body"] == answer
        assert json.loads(exchange["request"]["body"])["messages"][0]["content"] == text
