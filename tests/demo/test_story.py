"""Telling whether a scene went as told; tests/cli/test_demo.py plays the story."""

import json
from typing import Any

import httpx
import pytest

from guard.demo.story import STORY, differences

ANSWERED, STREAMED, REFUSED = STORY[:3]


def answer(scene: Any, text: str = "hi", **changes: Any) -> tuple[httpx.Response, dict[str, Any]]:
    """A response and a journal line that are as the scene has them, but for the changes."""
    headers = {"x-guard-model": changes.get("version", scene.version or "")}
    if scene.status != 200:
        content = json.dumps({"error": {"message": text}})
    elif scene.stream:
        headers["content-type"] = "text/event-stream"
        content = (
            "data: "
            + json.dumps({"choices": [{"delta": {"content": text}}]})
            + "\n\n"
            + changes.get("last", "data: [DONE]\n\n")
        )
    else:
        content = json.dumps({"choices": [{"message": {"content": text}}]})
    journal = {
        "end": changes.get("end", scene.end), "reason": changes.get("reason", scene.reason), "version": scene.version,
        "response": {"status": scene.status}, "prompt": [changes.get("prompt", scene.prompt)],
        "output": [changes.get("output", text)],
    }  # fmt: skip
    return httpx.Response(changes.get("status", scene.status), headers=headers, text=content), journal


@pytest.mark.parametrize("scene", STORY, ids=lambda scene: scene.title)
def test_scene_as_told_has_no_differences(scene):
    """What is as the scene has it is right."""
    assert differences(scene, *answer(scene)) == []


@pytest.mark.parametrize(
    ("scene", "changes", "told"),
    [
        (ANSWERED, {"status": 502}, "status: expected 200, got 502"),
        (ANSWERED, {"version": "v1"}, "x-guard-model: expected 'v2', got 'v1'"),
        (ANSWERED, {"end": "truncated"}, "the journal's end: expected 'complete', got 'truncated'"),
        (ANSWERED, {"prompt": "else"}, "the journal's prompt"),
        (ANSWERED, {"output": "else"}, "the journal's output"),
        (STREAMED, {"last": ""}, "the stream's last event"),
        (REFUSED, {"reason": "client_blocked"}, "the journal's reason"),
        (REFUSED, {"end": "complete"}, "the journal's end"),
    ],
)
def test_difference_is_told(scene, changes, told):
    """Each difference is one line that says what was expected and what came."""
    (found,) = differences(scene, *answer(scene, **changes))
    assert found.startswith(told)


def test_missing_journal_line_is_a_difference():
    """An exchange that the journal does not have is not as told."""
    response, _ = answer(ANSWERED)
    assert differences(ANSWERED, response, None) == ["the journal has no line of it"]
