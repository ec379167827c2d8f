"""The OpenAPI document, and that it is true: calls made up from it get the answers that it says."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from guard.admin import gate
from guard.admin.openapi import document
from guard.admin.table import ACTIONS
from tests.support.admin import admin

CHECKS = Path(__file__).parent.parent / "support" / "schemathesis.toml"


def test_every_call_is_in_it():
    """With what it needs, takes and gives; no reference leads nowhere; no pattern is Python's own."""
    found = document(ACTIONS)
    text = msgspec.json.encode(found).decode()
    calls = {(method.upper(), path) for path, methods in found["paths"].items() for method in methods}
    assert calls == {(action.method, action.pattern) for action in ACTIONS}
    references = {part.partition('"')[0] for part in text.split('"#/components/schemas/')[1:]}
    assert references <= found["components"]["schemas"].keys()
    assert r"\\Z" not in text
    names = [one["operationId"] for methods in found["paths"].values() for one in methods.values()]
    assert len(set(names)) == len(names)
    assert found["paths"]["/healthz"]["get"]["security"] == []
    assert "operator" in found["paths"]["/v1/blocks"]["post"]["description"]


@pytest.mark.slow
@pytest.mark.timeout(120)
async def test_the_document_tells_the_truth(tmp_path, monkeypatch):
    """Hundreds of calls that are right, wrong and nearly right: none is a fault, and every answer is as it says."""
    monkeypatch.setattr(gate, "FAILURES_AT_ONCE", 100_000)  # what is asked for without a token is to be 401
    async with admin(tmp_path) as api:
        command = [
            str(Path(sys.executable).with_name("schemathesis")), "--config-file", str(CHECKS),
            "run", f"{api.url}/openapi.json", "--header", f"Authorization: Bearer {api.tokens['local']}",
            "--exclude-path", "/v1/events", "--phases", "coverage,fuzzing", "--max-examples", "2", "--seed", "1",
            "--no-shrink", "--workers", "1", "--no-color", "--suppress-health-check", "all",
        ]  # fmt: skip
        done = await asyncio.to_thread(
            subprocess.run, command, capture_output=True, text=True, timeout=110, check=False, cwd=tmp_path,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        )  # fmt: skip
    assert done.returncode == 0, done.stdout[-6_000:] + done.stderr[-2_000:]
