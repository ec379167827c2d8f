import pytest

from guard.formats.base import Prompt
from guard.policy.meters import Meters
from guard.refusal import Refusal
from guard.stages.filter import blocked, filter_prompt
from tests.support.guard import RULES
from tests.support.values import exchange, policy


@pytest.fixture(scope="module")
def rules(tmp_path_factory):
    """A policy with the rules that the tests of the whole way use."""
    folder = tmp_path_factory.mktemp("rules")
    (folder / "10-test.yaml").write_text(RULES)
    return policy(folder)


def asked(policy, *texts: str, others: tuple[str, ...] = ()):
    """An exchange with these strings in its prompt."""
    one = exchange(policy)
    one.prompt = Prompt(list(texts), list(others), None, False)
    return one


def finding(rule: str, mode: str, action: str) -> dict[str, str]:
    """What is noted of a rule that matches a prompt."""
    return {"rule": rule, "target": "prompt", "mode": mode, "action": action}


BLOCK = finding("prompt-block", "enforce", "block")
SHADOW = finding("prompt-shadow", "shadow", "block")
FLAG = finding("prompt-flag", "enforce", "flag")


@pytest.mark.parametrize(
    ("texts", "others", "findings", "refused"),
    [
        (("nothing",), (), [], False),
        (("a forbidden phrase",), (), [BLOCK], True),
        (("fine", "A FORBIDDEN phrase"), (), [BLOCK], True),
        (("fine",), ("forbidden phrase",), [BLOCK], True),
        (("forbidden\u200b phrase",), (), [BLOCK], True),
        (("a watched phrase",), (), [SHADOW], False),
        (("some odd   words",), (), [FLAG], False),
        (("odd words, watched phrase",), (), [SHADOW, FLAG], False),
        (("odd words", "watched phrase", "forbidden phrase"), (), [BLOCK, SHADOW, FLAG], True),
        (("secret-token",), (), [], False),
        ((), (), [], False),
    ],
)
def test_prompts_are_matched(rules, texts, others, findings, refused):
    """Every rule that matches any string is noted; only an enforced blocking one refuses."""
    one = asked(rules, *texts, others=others)
    if refused:
        with pytest.raises(Refusal) as refusal:
            filter_prompt(one, Meters())
        assert (refusal.value.status, refusal.value.code) == (400, "content_policy_violation")
        assert "phrase" not in refusal.value.message
        assert "prompt-block" not in refusal.value.message
    else:
        filter_prompt(one, Meters())
    assert sorted(one.findings, key=str) == sorted(findings, key=str)


def test_without_prompt_nothing_is_matched(rules):
    """A request without a body has nothing to filter."""
    one = exchange(rules)
    filter_prompt(one, Meters())
    assert one.findings == []


def test_a_match_within_one_string_only(rules):
    """Two strings are not one text: a literal is not found across the border."""
    one = asked(rules, "a forbidden", "phrase")
    filter_prompt(one, Meters())
    assert one.findings == []


def test_the_refusal_is_no_manual():
    """It says what was refused, and by no rule's name."""
    assert blocked("answer").message == "the answer was refused by a content rule"
