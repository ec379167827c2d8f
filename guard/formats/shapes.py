"""The shapes that the APIs for conversations have in common."""

from __future__ import annotations

from guard.formats.walk import OTHER, SKIP, TEXT, Shape

ALL_TEXT = Shape(TEXT)
ALL_OTHER = Shape(OTHER)

ENVELOPE = Shape(SKIP, rest=ALL_TEXT)
"""One string that the API makes up; anything but one string here is text."""

NUMBERS = Shape(SKIP, rest=ALL_TEXT, opaque=True)
"""A vector, as a list of numbers or as base64."""

DATA = Shape(TEXT, keys=TEXT)
"""JSON that a person or a model wrote freely, such as the arguments of a tool call: its keys are text, too."""

SCHEMA = Shape(TEXT, keys=TEXT)
"""A JSON schema: names and descriptions of properties and their values are for the model to read."""

_SCHEMA_WORD = Shape(OTHER, keys=TEXT, rest=SCHEMA)
_SCHEMA_WORD.fields = SCHEMA.fields
SCHEMA.having(dict.fromkeys(("type", "format", "$schema", "$ref", "$id", "pattern"), _SCHEMA_WORD))

_MEDIA = Shape(OTHER)
_MEDIA.having(dict.fromkeys(("filename", "title", "context", "text", "alt_text", "transcript"), ALL_TEXT))

ITEM = Shape(TEXT)
"""A message, a part of its content, a tool or a call of one, as a client sends it. Unknown types are text."""

_WORDS = (
    "role", "type", "id", "status", "phase", "index", "object",
    "tool_call_id", "call_id", "tool_use_id", "caller_id", "item_id", "response_id", "file_id", "container_id",
    "approval_request_id", "fingerprint", "signature", "encrypted_content", "encrypted_stdout",
)  # fmt: skip

ITEM.having(
    dict.fromkeys(_WORDS, ALL_OTHER),
    cache_control=ALL_OTHER,
    server_url=ALL_OTHER,
    authorization=ALL_OTHER,
    headers=ALL_OTHER,
    arguments=DATA,
    input=DATA,
    parameters=SCHEMA,
    input_schema=SCHEMA,
    schema=SCHEMA,
)
_FILE = Shape(TEXT).having(ITEM.fields, file_data=ALL_OTHER, file_url=ALL_OTHER, url=ALL_OTHER)
_FILE.having(file=_FILE)
_DOCUMENT = Shape(TEXT).having(ITEM.fields)
_DOCUMENT.having(source=Shape(TEXT, rest=ITEM).having(ITEM.fields).when(base64=_MEDIA, url=_MEDIA, file=_MEDIA))
ITEM.when(
    image_url=_MEDIA,
    input_image=_MEDIA,
    image=_MEDIA,
    video_url=_MEDIA,
    audio_url=_MEDIA,
    input_audio=_MEDIA,
    computer_screenshot=_MEDIA,
    redacted_thinking=_MEDIA,
    file=_FILE,
    input_file=_FILE,
    document=_DOCUMENT,
)

LOGPROBS = Shape(TEXT, rest=ALL_TEXT)
"""Log-probabilities: their tokens only repeat the text, or say what it might have been."""

LOGPROBS.having(
    content=LOGPROBS,
    refusal=LOGPROBS,
    token=ENVELOPE,
    tokens=Shape(SKIP),
    top_logprobs=Shape(TEXT, keys=SKIP, rest=ALL_TEXT).having(token=ENVELOPE),
)

ANSWER = Shape(TEXT, rest=ALL_TEXT)
"""A message, a part of its content, or a call of a tool, as a model answers it."""

_PARTS = (
    "content", "tool_calls", "function", "custom", "function_call", "summary", "reasoning_details", "outputs", "action",
)  # fmt: skip

ANSWER.having(
    dict.fromkeys(_PARTS, ANSWER) | dict.fromkeys(_WORDS, ENVELOPE),
    annotations=ALL_OTHER,
    citations=ALL_OTHER,
    images=ALL_OTHER,
    logprobs=LOGPROBS,
    arguments=DATA,
    input=DATA,
    audio=Shape(TEXT, rest=ALL_TEXT).having(id=ENVELOPE, data=ENVELOPE, format=ENVELOPE),
)
ANSWER.when(
    image_generation_call=Shape(TEXT, rest=ALL_TEXT).having(ANSWER.fields, result=ENVELOPE),
    redacted_thinking=Shape(TEXT, rest=ALL_TEXT).having(type=ENVELOPE, data=ENVELOPE),
)
