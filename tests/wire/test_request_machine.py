"""A client's side as a machine: any legal sequence of requests, in any segments, is those requests and no other."""

from __future__ import annotations

from hypothesis import event, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tests.support.judge import judge_requests
from tests.support.messages import BODY, Question, cut, mutated, questions
from tests.support.reading import Reading, read
from tests.support.reference import requests_in


class Client(RuleBasedStateMachine):
    """Asks, pipelines, repeats heads, and lets the bytes out when it likes."""

    def __init__(self) -> None:
        super().__init__()
        self._connect()

    def _connect(self) -> None:
        self.reading = Reading()
        self.asked: list[Question] = []
        self.ends: list[int] = []
        self.unsent = b""
        self.sent = b""
        self.answered = 0

    @property
    def open(self) -> bool:
        """Whether the last request lets another follow."""
        return not self.asked or self.asked[-1].asked.keep_alive

    def _ask(self, question: Question) -> None:
        self.asked.append(question)
        self.unsent += question.raw
        self.ends.append(len(self.sent) + len(self.unsent))

    @precondition(lambda self: self.open)
    @rule(question=questions())
    def ask(self, question: Question) -> None:
        """A request of its own."""
        self._ask(question)

    @precondition(lambda self: self.open and self.asked and self.asked[-1].head)
    @rule(bodies=st.lists(BODY, min_size=1, max_size=4))
    def ask_again(self, bodies: list[bytes]) -> None:
        """The same head, each with a body of another length, each in a segment and answered: what needs no parser."""
        self.send_the_rest()
        for body in bodies:
            self.answer()
            self._ask(self.asked[-1].again(body))
            self.send_the_rest()

    @precondition(lambda self: self.unsent)
    @rule(data=st.data())
    def send_some(self, data: st.DataObject) -> None:
        """One segment, which may end anywhere."""
        self._send(data.draw(st.integers(1, len(self.unsent))))

    @precondition(lambda self: self.unsent)
    @rule()
    def send_bytes(self) -> None:
        """All, byte by byte."""
        while self.unsent:
            self._send(1)

    @precondition(lambda self: self.unsent)
    @rule()
    def send_the_rest(self) -> None:
        """All in one segment."""
        if self.unsent:
            self._send(len(self.unsent))

    @precondition(lambda self: not self.open and not self.unsent)
    @rule()
    def connect_again(self) -> None:
        """The last request was the last on its connection."""
        self.teardown()
        self._connect()

    @rule()
    def answer(self) -> None:
        """Every request that came whole has its answer."""
        self.answered = len(self.reading.requests)

    def _send(self, size: int) -> None:
        piece, self.unsent = self.unsent[:size], self.unsent[size:]
        self.sent += piece
        self.reading.feed(piece, answered=self.answered == len(self.reading.requests))

    @invariant()
    def what_came_whole_is_what_was_asked(self) -> None:
        """Each request is there as soon as its last byte is, and not before."""
        assert self.reading.refusal is None
        whole = sum(end <= len(self.sent) for end in self.ends)
        assert self.reading.requests == [question.asked for question in self.asked[:whole]]

    def teardown(self) -> None:
        """An independent parser has read the same, and so has the guard from one segment."""
        found = requests_in(self.sent)
        assert self.reading.requests == found.requests
        assert not found.error
        assert read([self.sent]).requests == found.requests


TestClient = Client.TestCase
TestClient.settings = settings(max_examples=settings().max_examples // 2, stateful_step_count=20, deadline=None)


@given(questions(repeatable=True), st.lists(BODY, min_size=3, max_size=5), st.data())
def test_a_head_taken_without_the_parser_is_as_one_parsed(question, bodies, data):
    """Differential: on a connection that knows the head, and on a fresh one for each request, mutations included."""
    known = Reading()
    for body in bodies:
        known.feed(question.again(body).raw)
    before = len(bodies)
    assert known.requests == [question.again(body).asked for body in bodies]
    assert known.reader.repeat is not None
    last = question.again(data.draw(BODY)).raw
    last = data.draw(mutated(last) | st.just(last))
    for piece in data.draw(cut(last) | st.just([last])):
        known.feed(piece)
    fresh = read([last])
    assert known.requests[before:] == fresh.requests
    assert (known.refusal and known.refusal.status) == (fresh.refusal and fresh.refusal.status)
    assert known.refusal or known.arriving == fresh.arriving


@given(st.lists(questions(), min_size=1, max_size=3), st.data())
def test_a_mutation_is_refused_or_read_as_others_read_it(asked, data):
    """A byte changed, put in or taken out never moves the border between two requests: no request is smuggled."""
    stream = data.draw(mutated(b"".join(question.raw for question in asked)))
    reading = judge_requests(data.draw(cut(stream)))
    event("refused" if reading.refusal else "read")
