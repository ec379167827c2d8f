import httpx2
import openai
import orjson
import pytest

from guard.formats import NotUnderstood, format_for
from guard.formats.chat import ChatReader
from guard.formats.completions import CompletionsReader
from guard.formats.events import EventReader
from guard.formats.responses import ResponsesReader

OPENAI = format_for("openai")


@pytest.mark.parametrize(
    ("path", "expected", "reader"),
    [
        ("/v1/chat/completions", "messages", ChatReader),
        ("/chat/completions/", "messages", ChatReader),
        ("/openai/deployments/m/chat/completions", "messages", ChatReader),
        ("/v1/completions", "prompt", CompletionsReader),
        ("/v1/responses", None, ResponsesReader),
        ("/v1/responses/compact", None, ResponsesReader),
        ("/v1/embeddings", "input", EventReader),
        ("/v1/moderations", "input", EventReader),
        ("/v1/images/generations", None, EventReader),
        ("/", None, EventReader),
    ],
)
def test_the_path_tells_the_api(path, expected, reader):
    """The end of the path decides which API's document is expected, and how its stream is read."""
    assert type(OPENAI.stream(path)) is reader
    if expected is None:
        assert OPENAI.prompt(path, {}).texts == []
    else:
        with pytest.raises(NotUnderstood, match=f"^{expected}: "):
            OPENAI.prompt(path, {})


@pytest.mark.parametrize("path", ["/v1/audio/speech", "/v1/images/generations", "/v2/rerank", "/v1/responses/r-1/x"])
def test_other_apis_are_text(path):
    """Of an API that nobody here knows, every string is text, if only the body is an object."""
    assert OPENAI.prompt(path, {"model": "m", "input": "a", "documents": ["b"]}).texts == ["m", "a", "b"]
    assert OPENAI.output(path, {"data": [{"url": "u"}], "usage": {"total_tokens": 1}}).texts == ["u"]
    with pytest.raises(NotUnderstood, match="body: expected an object"):
        OPENAI.prompt(path, ["a"])


def test_scores_of_other_apis_are_confidence():
    """Scores under the usual names are noticed in answers that nobody here knows."""
    output = OPENAI.output("/v1/classify", {"data": [{"label": "spam", "score": 0.75}]})
    assert output.confidence == {"kind": "scores", "scores": {"spam": 0.75}}


def client(status, content_type, body):
    """The official client in front of a server that answers this."""
    answer = httpx2.Response(status, headers={"content-type": content_type}, content=body)
    transport = httpx2.MockTransport(lambda _: answer)
    return openai.OpenAI(api_key="k", max_retries=0, http_client=httpx2.Client(transport=transport))


ASK = {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}


@pytest.mark.parametrize(
    ("status", "kind", "raised"),
    [
        (400, "invalid_request_error", openai.BadRequestError),
        (401, "authentication_error", openai.AuthenticationError),
        (403, "permission_error", openai.PermissionDeniedError),
        (404, "invalid_request_error", openai.NotFoundError),
        (413, "invalid_request_error", openai.APIStatusError),
        (415, "invalid_request_error", openai.APIStatusError),
        (429, "requests", openai.RateLimitError),
        (500, "server_error", openai.InternalServerError),
        (502, "server_error", openai.InternalServerError),
        (503, "server_error", openai.InternalServerError),
        (504, "server_error", openai.InternalServerError),
    ],
)
def test_the_official_client_raises_its_own_errors(status, kind, raised):
    """Each status becomes the client's own exception, with message, type and the guard's code."""
    body = OPENAI.error(status, "a_code", "What was wrong.")
    assert orjson.loads(body) == {
        "error": {"message": "What was wrong.", "type": kind, "param": None, "code": "a_code"}
    }
    with pytest.raises(raised, match="What was wrong") as error:
        client(status, "application/json", body).chat.completions.create(**ASK)
    assert (error.value.type, error.value.code, error.value.param, error.value.status_code) == (
        kind,
        "a_code",
        None,
        status,
    )


CHUNK = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m",
         "choices": [{"index": 0, "delta": {"content": "Hi"}, "finish_reason": None}]}  # fmt: skip


def test_the_official_client_raises_in_a_stream():
    """An error event ends the client's stream with an exception, after what came before it."""
    body = b"data: %b\n\n" % orjson.dumps(CHUNK) + OPENAI.error_event(403, "content_policy_violation", "Not this.")
    stream = iter(client(200, "text/event-stream", body).chat.completions.create(**ASK, stream=True))
    assert next(stream).choices[0].delta.content == "Hi"
    with pytest.raises(openai.APIError, match="Not this") as error:
        next(stream)
    assert (error.value.type, error.value.code) == ("permission_error", "content_policy_violation")


def test_the_official_client_raises_in_a_stream_of_a_response():
    """The same error event ends a stream of the responses API."""
    body = OPENAI.error_event(503, "endpoint_isolated", "Not now.")
    with pytest.raises(openai.APIError, match="Not now") as error:
        list(client(200, "text/event-stream", body).responses.create(model="m", input="Hi", stream=True))
    assert error.value.code == "endpoint_isolated"


def test_error_message_is_a_realtime_event():
    """A WebSocket's clients read an error from an event of that type."""
    assert orjson.loads(OPENAI.error_message(400, "content_policy_violation", "Not this.")) == {
        "type": "error",
        "error": {
            "type": "invalid_request_error", "code": "content_policy_violation", "message": "Not this.", "param": None,
        },
    }  # fmt: skip
