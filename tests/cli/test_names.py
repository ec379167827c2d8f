"""Names of callers, as commands take them."""

import pytest

from guard.cli.errors import TroubleError
from guard.cli.names import canonical


def test_a_caller_has_one_spelling():
    """However it is typed, so that it can be taken back; what is no name is told."""
    assert canonical("ip", "203.0.113.9/24") == "203.0.113.0/24"
    with pytest.raises(TroubleError, match="is no address or network"):
        canonical("ip", "203.0.113")
