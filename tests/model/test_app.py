"""The bundled model over HTTP: the official clients, plain requests, and misbehaviour on demand."""

import anthropic
import httpx
import openai
import pytest
from starlette.testclient import TestClient

from guard.model.app import Model, Mood
from tests.model.running import model

TOOL = {"type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"}}, "required": ["city"]}
ASKED = [{"role": "user", "content": "What is the weather?"}]


@pytest.fixture(scope="module")
def url():
    """Where a model called v2 answers."""
    with model("--name", "v2") as (place, _):
        yield place


@pytest.fixture
def gpt(url):
    """The official OpenAI client, unmodified."""
    with openai.OpenAI(base_url=f"{url}/v1", api_key="k", max_retries=0) as client:
        yield client


@pytest.fixture
def claude(url):
    """The official Anthropic client, unmodified."""
    with anthropic.Anthropic(base_url=url, api_key="k", max_retries=0) as client:
        yield client


def test_openai_chat(gpt):
    """A chat has an answer, as many times as asked for, with usage and log-probabilities."""
    answer = gpt.chat.completions.create(model="m", messages=ASKED, n=2, logprobs=True, top_logprobs=2)
    assert [choice.message.content for choice in answer.choices] == [answer.choices[0].message.content] * 2
    assert answer.choices[0].message.content.startswith("This is v2. I read 4 words")
    assert "".join(one.token for one in answer.choices[0].logprobs.content) == answer.choices[0].message.content
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens


def test_openai_streamed_chat(gpt):
    """A streamed chat has the same text in several pieces, and its usage if asked for."""
    whole = gpt.chat.completions.create(model="m", messages=ASKED)
    chunks = list(
        gpt.chat.completions.create(model="m", messages=ASKED, stream=True, stream_options={"include_usage": True})
    )
    texts = [chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices]
    assert "".join(texts) == whole.choices[0].message.content
    assert len(texts) > 5
    assert chunks[-1].usage == whole.usage
    assert chunks[0].id == whole.id


def test_openai_tool_calls(gpt):
    """A prompt that mentions a tool gets a call of it, whole and streamed, and its result gets an answer."""
    tools = [{"type": "function", "function": {"name": "forecast", "parameters": TOOL}}]
    asked = [{"role": "user", "content": "Use forecast for Paris."}]
    answer = gpt.chat.completions.create(model="m", messages=asked, tools=tools).choices[0]
    (call,) = answer.message.tool_calls
    assert (answer.finish_reason, call.function.name) == ("tool_calls", "forecast")
    assert call.function.arguments == '{"city": "example", "days": 1}'
    with gpt.chat.completions.stream(model="m", messages=asked, tools=tools) as stream:
        final = stream.get_final_completion().choices[0]
    assert final.message.tool_calls[0].function.arguments == call.function.arguments
    result = {"role": "tool", "tool_call_id": call.id, "content": "say: sunny"}
    after = gpt.chat.completions.create(model="m", messages=[*asked, answer.message, result], tools=tools)
    assert after.choices[0].message.content == "sunny"


def test_openai_responses(gpt):
    """A response has its text whole and streamed, and calls functions."""
    whole = gpt.responses.create(model="m", input="say: what I want")
    assert whole.output_text == "what I want"
    with gpt.responses.stream(model="m", input="say: what I want") as stream:
        deltas = [event.delta for event in stream if event.type == "response.output_text.delta"]
        assert stream.get_final_response().output_text == "what I want"
    assert "".join(deltas) == "what I want"
    tools = [{"type": "function", "name": "forecast", "parameters": TOOL, "strict": False}]
    called = gpt.responses.create(model="m", input=[{"role": "user", "content": "forecast!"}], tools=tools)
    assert called.output[0].name == "forecast"
    with gpt.responses.stream(model="m", input="forecast!", tools=tools) as stream:
        assert stream.get_final_response().output[0].arguments == called.output[0].arguments


def test_openai_embeddings(gpt):
    """Texts have vectors, the same for the same text; the client reads them in base64."""
    answer = gpt.embeddings.create(model="m", input=["a", "b", "a"])
    first, second, third = (entry.embedding for entry in answer.data)
    assert first == third != second
    assert len(first) == 16
    assert gpt.embeddings.create(model="m", input="a", encoding_format="float").data[0].embedding == first


def test_openai_the_rest(gpt):
    """Completions, moderations and the list of models answer too."""
    whole = gpt.completions.create(model="m", prompt="say: hi there", logprobs=1)
    assert whole.choices[0].text == "hi there"
    assert whole.choices[0].logprobs.tokens == ["hi ", "there"]
    streamed = gpt.completions.create(model="m", prompt="say: hi there", stream=True)
    assert "".join(chunk.choices[0].text for chunk in streamed) == "hi there"
    judged = gpt.moderations.create(input=["hello", "I kill you"]).results
    assert [one.flagged for one in judged] == [False, True]
    assert [one.id for one in gpt.models.list()] == ["v2"]


def test_anthropic_messages(claude):
    """A message has an answer, the same whole and streamed."""
    whole = claude.messages.create(model="m", max_tokens=99, messages=ASKED)
    assert whole.content[0].text.startswith("This is v2.")
    with claude.messages.stream(model="m", max_tokens=99, messages=ASKED) as stream:
        assert "".join(stream.text_stream) == whole.content[0].text
        final = stream.get_final_message()
    assert (final.stop_reason, final.usage.output_tokens) == (whole.stop_reason, whole.usage.output_tokens)


def test_anthropic_tool_use(claude):
    """A prompt that mentions a tool gets its use, whole and streamed."""
    tools = [{"name": "forecast", "input_schema": TOOL}]
    asked = {"model": "m", "max_tokens": 99, "tools": tools, "messages": [{"role": "user", "content": "forecast it"}]}
    whole = claude.messages.create(**asked)
    assert (whole.stop_reason, whole.content[0].input) == ("tool_use", {"city": "example", "days": 1})
    with claude.messages.stream(**asked) as stream:
        assert stream.get_final_message().content[0].input == whole.content[0].input


@pytest.mark.parametrize(
    ("header", "kind"),
    [("429", openai.RateLimitError), ("503", openai.InternalServerError), ("403", openai.PermissionDeniedError)],
)
def test_openai_errors(gpt, header, kind):
    """A failure on demand is the client's own exception."""
    with pytest.raises(kind):
        gpt.chat.completions.create(model="m", messages=ASKED, extra_headers={"x-model-fail": header})


def test_anthropic_errors(claude):
    """An error of the messages API has that API's shape."""
    with pytest.raises(anthropic.RateLimitError, match="told to fail"):
        claude.messages.create(model="m", max_tokens=9, messages=ASKED, extra_headers={"x-model-fail": "429"})


@pytest.fixture
def client():
    """The application without a socket."""
    with TestClient(Model("v1", Mood()).app()) as running:
        yield running


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/chat/completions", "{"),
        ("/v1/chat/completions", "[]"),
        ("/v1/chat/completions", "{}"),
        ("/v1/chat/completions", '{"messages": [7]}'),
        ("/v1/chat/completions", '{"messages": [{"content": "x"}], "tools": [7]}'),
        ("/v1/completions", "{}"),
        ("/v1/responses", "{}"),
        ("/v1/embeddings", '{"input": []}'),
        ("/v1/moderations", "{}"),
        ("/v1/messages", "{}"),
    ],
)
def test_wrong_request_is_an_error(client, path, body):
    """A request that the API does not allow gets 400, in the API's shape."""
    answer = client.post(path, content=body)
    assert answer.status_code == 400
    assert answer.json()["error"]["message"]


def test_unknown_path_is_an_error(client):
    """A path that is no endpoint gets 404 with a JSON error."""
    answer = client.get("/v2/nothing")
    assert (answer.status_code, answer.json()["error"]["type"]) == (404, "not_found_error")


def test_control_changes_the_mood(client):
    """What /control says holds until it says otherwise; nonsense changes nothing."""
    asked = {"messages": ASKED}
    assert client.post("/control", json={"fail": 503}).json() == {"fail": 503}
    assert client.post("/v1/chat/completions", json=asked).status_code == 503
    assert client.get("/v1/models").status_code == 503
    assert client.post("/control", json={"fale": 1}).status_code == 400
    assert client.post("/v1/chat/completions", json=asked).status_code == 503
    assert client.post("/control", json={}).json() == {}
    assert client.post("/v1/chat/completions", json=asked).status_code == 200


def test_same_request_gets_the_same_bytes(client):
    """Answers differ between prompts and versions, and never between times."""
    asked = {"messages": ASKED, "stream": True}
    first = client.post("/v1/chat/completions", json=asked).content
    assert client.post("/v1/chat/completions", json=asked).content == first
    assert client.post("/v1/chat/completions", json={**asked, "stream": False}).content != first
    with TestClient(Model("v2", Mood()).app()) as other:
        assert other.post("/v1/chat/completions", json=asked).content != first


def test_hanging(url):
    """Told to hang, the model never answers, and does not mind clients that leave."""
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(f"{url}/v1/chat/completions", json={"messages": ASKED}, headers={"x-model-hang": "1"}, timeout=0.2)
    assert httpx.get(f"{url}/v1/models").status_code == 200


def test_delay(url):
    """Told to wait, the model answers that much later."""
    answer = httpx.post(f"{url}/v1/completions", json={"prompt": "x"}, headers={"x-model-delay": "0.2"})
    assert answer.status_code == 200
    assert answer.elapsed.total_seconds() >= 0.2
