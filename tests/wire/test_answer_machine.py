"""A model's side as a machine: any legal sequence of answers, in any segments, reaches its takers as it was said."""

from __future__ import annotations

from hypothesis import event, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from tests.support.hearing import Line, hear
from tests.support.judge import judge_answer
from tests.support.messages import BODY, Said, answers, cut, mutated


class Model(RuleBasedStateMachine):
    """Answers one request after the other, on one connection for as long as that is kept."""

    def __init__(self) -> None:
        super().__init__()
        self.line = Line()
        self.last: Said | None = None

    def _answer(self, said: Said, pieces: list[bytes]) -> None:
        if not self.line.usable:
            self.line = Line()
        heard = self.line.ask(head_only=said.head_only)
        self.line.say(pieces, close=said.close)
        assert heard.said == (said.status, said.headers, said.body, "end")
        assert heard.reused == said.kept == self.line.usable
        self.last = said

    @rule(said=answers(), data=st.data())
    def answer(self, said: Said, data: st.DataObject) -> None:
        """An answer of its own, cut anywhere."""
        self._answer(said, data.draw(cut(said.raw)))

    @precondition(lambda self: self.last and self.last.head)
    @rule(bodies=st.lists(BODY, min_size=1, max_size=4))
    def answer_again(self, bodies: list[bytes]) -> None:
        """The same head, each with a body of another length and in one segment: what needs no parser."""
        assert self.last is not None
        for body in bodies:
            said = self.last.again(body)
            self._answer(said, [said.raw])

    @precondition(lambda self: self.last and self.last.head)
    @rule(body=BODY, data=st.data())
    def answer_again_in_pieces(self, body: bytes, data: st.DataObject) -> None:
        """The same head, cut anywhere."""
        assert self.last is not None
        said = self.last.again(body)
        self._answer(said, data.draw(cut(said.raw)))

    @precondition(lambda self: self.line.usable)
    @rule(data=st.binary(min_size=1, max_size=20))
    def say_unasked(self, data: bytes) -> None:
        """What comes while nobody waits for it costs the connection."""
        self.line.say([data])
        assert not self.line.usable


TestModel = Model.TestCase
TestModel.settings = settings(max_examples=settings().max_examples // 4, stateful_step_count=20, deadline=None)


@given(answers(repeatable=True), st.lists(BODY, min_size=3, max_size=5), st.data())
def test_a_head_taken_without_the_parser_is_as_one_parsed(said, bodies, data):
    """Differential: on a connection that knows the head, and on a fresh one for each answer, mutations included."""
    line = Line()
    for body in bodies:
        heard = line.ask()
        line.say([said.again(body).raw])
        assert (heard.body, heard.reused) == (body, True)
    assert line.connection.repeat is not None
    last = said.again(data.draw(BODY)).raw
    last = data.draw(mutated(last) | st.just(last))
    pieces = data.draw(cut(last) | st.just([last]))
    heard = line.ask()
    line.say(pieces)
    fresh = hear(pieces)
    assert (heard.said, heard.reused) == (fresh.said, fresh.reused)


@given(answers(), st.data(), st.booleans())
def test_a_mutation_fails_or_is_read_as_others_read_it(said, data, close):
    """A byte changed, put in or taken out never moves the end of an answer."""
    stream = data.draw(mutated(said.raw))
    heard = judge_answer(data.draw(cut(stream)), head_only=said.head_only, close=close)
    event(heard.end or "more to come")
