"""What becomes of each model's requests."""

from guard.control.models import shown
from guard.measures import Measures
from tests.support.admin import config


def test_by_the_configuration_and_what_was_ordered(tmp_path):
    """A version that is no more is not asked."""
    settings = config(tmp_path)
    chat, embed = shown(settings, Measures())
    assert chat == {"model": "chat", "active": "v1", "fallback": ["v2"], "isolated": False, "offline": False}
    assert embed["active"] == "e1"
    switched = shown(settings, Measures(active=(("chat", "v2"), ("embed", "gone")), isolated=frozenset(("chat",))))
    assert [(one["active"], one["fallback"], one["isolated"]) for one in switched] == [
        ("v2", [], True),
        ("e1", [], False),
    ]
    assert [one["offline"] for one in shown(settings, Measures(offline=frozenset((None,))))] == [True, True]
