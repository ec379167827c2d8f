import pytest

from guard.formats.confidence import Logprobs, Scores, choices_confidence


@pytest.mark.parametrize(
    ("logprobs", "confidence"),
    [
        (None, None),
        ([], None),
        ({"content": None}, None),
        ({"content": [{"token": "a", "logprob": -1.0}, {"token": "b", "logprob": -3}]}, (2, -2.0, -3)),
        ({"content": [{"logprob": -1.0}], "refusal": [{"logprob": -2.0}]}, (2, -1.5, -2.0)),
        ({"token_logprobs": [None, -0.5, -1.5]}, (2, -1.0, -1.5)),
        ({"content": [{"logprob": "-1"}, {"logprob": True}, {"logprob": float("nan")}, {"logprob": 10**400}, 7]}, None),
    ],
)
def test_logprobs_are_summed_up(logprobs, confidence):
    """The tokens' number, mean and minimum are told; what is not a finite number does not count."""
    told = choices_confidence([{"logprobs": logprobs}])
    assert told == (confidence and dict(zip(("kind", "tokens", "mean", "min"), ("logprobs", *confidence), strict=True)))


def test_choices_are_counted_together():
    """The confidence of an answer is over all of its choices, whatever else stands among them."""
    choices = [{"logprobs": {"content": [{"logprob": -1.0}]}}, 5, {}, {"logprobs": {"content": [{"logprob": -2.0}]}}]
    assert choices_confidence(choices) == {"kind": "logprobs", "tokens": 2, "mean": -1.5, "min": -2.0}


def test_nothing_counted_is_no_confidence():
    """Without a token there is no confidence, not one of zero."""
    assert Logprobs().confidence is None
    assert Scores().confidence is None


@pytest.mark.parametrize(
    ("document", "scores"),
    [
        ({"label": "spam", "score": 0.9}, {"spam": 0.9}),
        ([[{"label": "a", "score": 0.9}, {"label": "b", "score": 0.1}]], {"a": 0.9, "b": 0.1}),
        ({"scores": {"a": 0.9, "b": "x"}}, {"a": 0.9}),
        ({"labels": ["a", "b"], "scores": [0.9, 0.1]}, {"a": 0.9, "b": 0.1}),
        ({"probabilities": [0.9, 0.1]}, {"0": 0.9, "1": 0.1}),
        ({"labels": ["a"], "probabilities": [0.9, 0.1]}, {"0": 0.9, "1": 0.1}),
        ({"result": {"confidence": 1}}, {"confidence": 1}),
        ([{"score": 0.1}, {"score": 0.4}, {"score": 0.2}], {"score": 0.4}),
        ({"score": "high", "confidence": None}, None),
        ({"text": "no scores"}, None),
        ("score", None),
    ],
)
def test_scores_are_found_by_their_names(document, scores):
    """Numbers under the usual names are scores, labelled by what stands beside them; the highest of a label is kept."""
    found = Scores()
    found.find(document)
    assert found.confidence == (scores and {"kind": "scores", "scores": scores})


def test_labels_are_bounded():
    """A flood of labels is cut off."""
    found = Scores()
    found.find({"scores": dict.fromkeys(map(str, range(10_000)), 0.5)})
    assert len(found.scores) == 256
