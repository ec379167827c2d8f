"""Limits in orders."""

import pytest

from guard.changes import RemoveLimit, SetLimit
from guard.control.errors import OrderError
from guard.control.limits import checked_limit
from tests.support.admin import config


def test_a_subject_has_one_spelling(tmp_path):
    """Addresses as requests have them; what is taken back may be of somebody who is not in the configuration."""
    settings = config(tmp_path)
    change = SetLimit(per="address", what="requests", amount="10/s", subject="::ffff:192.0.2.1")
    assert checked_limit(change, settings).subject == "192.0.2.1"
    for change in (
        SetLimit(per="client", what="tokens", amount="1/month", subject="web"),
        SetLimit(per="account", what="cost", amount="0.5/h", subject="acme"),
        SetLimit(per="model", what="concurrency", amount="4", subject="chat"),
        SetLimit(per="route", what="requests", amount="1/s", subject="/v1/", burst=7),
        SetLimit(per="global", what="requests", amount="1/s"),
    ):
        assert checked_limit(change, settings) == change
    assert checked_limit(RemoveLimit(per="client", subject="gone"), settings).subject == "gone"


@pytest.mark.parametrize(
    ("change", "where"),
    [
        (SetLimit(per="global", what="requests", amount="1/s", subject="x"), "subject"),
        (SetLimit(per="address", what="requests", amount="1/s", subject="10.0.0.0/8"), "subject"),
        (SetLimit(per="address", what="requests", amount="1/s", subject="fe80::1%eth0"), "value"),
        (SetLimit(per="client", what="requests", amount="1/s", subject="nobody"), "value"),
        (SetLimit(per="model", what="requests", amount="1/s", subject="nothing"), "model"),
        (SetLimit(per="route", what="requests", amount="1/s", subject="/v2/"), "subject"),
        (SetLimit(per="client", what="requests", amount="0/s"), "amount"),
        (SetLimit(per="client", what="concurrency", amount="8", burst=2), "burst"),
    ],
)
def test_there_can_be_no_such_limit(tmp_path, change, where):
    """It is told why."""
    with pytest.raises(OrderError) as error:
        checked_limit(change, config(tmp_path))
    assert error.value.where == where
