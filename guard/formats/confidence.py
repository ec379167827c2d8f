"""How sure a model was: log-probabilities of tokens, scores of classes."""

from __future__ import annotations

from typing import Any

_LABELS = 256
"""No more labels than this are kept of one answer."""

_HUGE = 1e300
"""Beyond this a number says nothing, and a sum of them would not be finite."""

_SCORES = frozenset(("score", "scores", "probability", "probabilities", "confidence", "relevance_score"))


class Logprobs:
    """Sums up the log-probabilities of an answer's tokens as they come."""

    __slots__ = ("least", "tokens", "total")

    def __init__(self) -> None:
        self.tokens = 0
        self.total = 0.0
        self.least = 0.0

    def add(self, value: Any) -> None:
        """Count one token's natural log-probability; what is not a finite number is passed over."""
        if _is_number(value):
            self.least = value if self.tokens == 0 else min(value, self.least)
            self.tokens += 1
            self.total += value

    def add_tokens(self, tokens: Any) -> None:
        """Count the `logprob` of each object in a list of tokens, if it is one."""
        if type(tokens) is list:
            for token in tokens:
                if type(token) is dict:
                    self.add(token.get("logprob"))

    def add_choice(self, logprobs: Any) -> None:
        """Count the `logprobs` of one choice, as chat completions or as (older) completions tell them."""
        if type(logprobs) is not dict:
            return
        self.add_tokens(logprobs.get("content"))
        self.add_tokens(logprobs.get("refusal"))
        older = logprobs.get("token_logprobs")
        if type(older) is list:
            for value in older:
                self.add(value)

    @property
    def confidence(self) -> dict[str, Any] | None:
        """What was counted, or None if nothing was; see `guard.formats.base.Output`."""
        if self.tokens == 0:
            return None
        return {"kind": "logprobs", "tokens": self.tokens, "mean": self.total / self.tokens, "min": self.least}


def choices_confidence(choices: list[Any]) -> dict[str, Any] | None:
    """Return the confidence over all choices of an answer, or None where they tell none."""
    told = [choice["logprobs"] for choice in choices if type(choice) is dict and choice.get("logprobs")]
    if not told:
        return None
    logprobs = Logprobs()
    for choice in told:
        logprobs.add_choice(choice)
    return logprobs.confidence


class Scores:
    """Keeps the highest score of each label."""

    __slots__ = ("scores",)

    def __init__(self) -> None:
        self.scores: dict[str, float] = {}

    def add(self, label: str, score: Any) -> None:
        """Note one score; what is not a finite number is passed over."""
        if _is_number(score) and (label in self.scores or len(self.scores) < _LABELS):
            self.scores[label] = max(score, self.scores.get(label, score))

    def add_all(self, scores: Any) -> None:
        """Note every member of an object of scores by label, if it is one."""
        if type(scores) is dict:
            for label, score in scores.items():
                self.add(label, score)

    def find(self, document: Any) -> None:
        """Note what stands under the usual names for scores, anywhere in a document of an API that nobody knows.

        A number is labelled by the `label` beside it or else by its own name; numbers in a list by the list `labels`
        beside them or else by their positions.
        """
        stack = [document]
        while stack:
            value = stack.pop()
            if type(value) is list:
                stack += [element for element in reversed(value) if type(element) in (dict, list)]
            elif type(value) is dict:
                stack += [member for member in reversed(value.values()) if type(member) in (dict, list)]
                for name in _SCORES & value.keys():
                    self._add_named(value, name)

    def _add_named(self, parent: dict[str, Any], name: str) -> None:
        value = parent[name]
        if type(value) is list:
            labels = parent.get("labels")
            if type(labels) is not list or len(labels) != len(value):
                labels = range(len(value))
            for label, score in zip(labels, value[:_LABELS], strict=False):
                self.add(str(label), score)
        elif type(value) is dict:
            self.add_all(value)
        else:
            label = parent.get("label")
            self.add(label if type(label) is str else name, value)

    @property
    def confidence(self) -> dict[str, Any] | None:
        """The scores, or None if there are none; see `guard.formats.base.Output`."""
        return {"kind": "scores", "scores": self.scores} if self.scores else None


def _is_number(value: Any) -> bool:
    return (type(value) is float or type(value) is int) and -_HUGE < value < _HUGE
