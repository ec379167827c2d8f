"""Parcels of rules in a database."""

import sqlite3
from contextlib import closing
from hashlib import sha256

import pytest

from guard.config import Store
from guard.store.bundles import KEPT
from guard.store.errors import StoreError
from guard.store.opening import opened


@pytest.mark.parametrize("other", [b"others", "text", 7])
def test_what_is_no_parcel_is_not_taken(tmp_path, other):
    """Whatever somebody has put in its place."""
    name = sha256(b"rules").hexdigest()
    with opened(Store(url=f"sqlite:{tmp_path}/store.db")) as store:
        store.bundles.put(name, b"rules")
        with closing(sqlite3.connect(tmp_path / "store.db")) as database, database:
            database.execute("UPDATE bundles SET parcel = ?", (other,))
        with pytest.raises(StoreError, match="are others"):
            store.bundles.get(name)


def test_only_so_many_take_room(tmp_path):
    """Those that were offered last."""
    with opened(Store(url=f"sqlite:{tmp_path}/store.db")) as store:
        for number in range(KEPT + 5):
            store.bundles.put(sha256(b"%d" % number).hexdigest(), b"%d" % number)
    with closing(sqlite3.connect(tmp_path / "store.db")) as database:
        assert {int(data) for (data,) in database.execute("SELECT parcel FROM bundles")} == set(range(5, KEPT + 5))
