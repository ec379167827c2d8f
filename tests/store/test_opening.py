"""A store by its address."""

import pytest

from guard.config import Store
from guard.store.opening import budgets_of, opened
from guard.store.redis.budgets import RedisBudgets
from guard.store.sqlite.budgets import SqliteBudgets
from tests.support import stores


@pytest.mark.parametrize("kind", stores.KINDS)
def test_a_store_is_what_its_address_says(tmp_path, kind):
    """All parts of it are in the same place, and it can be asked again after it was closed."""
    with stores.store(kind, tmp_path) as home:
        store = opened(Store(url=home.url))
        for _ in range(2):
            with store:
                assert store.changes.version() == 0
                assert store.bundles.get("0" * 64) is None
                assert store.nodes.alive() == []
        assert store.address == store.changes.address == store.bundles.address
        assert home.url.endswith(store.address)


def test_budgets_are_in_the_same_place():
    """Each kind of store has its own."""
    assert isinstance(budgets_of(Store(url="sqlite:store.db")), SqliteBudgets)
    assert isinstance(budgets_of(Store(url="redis://127.0.0.1:1")), RedisBudgets)


@pytest.mark.parametrize("url", [None, "postgres://h", "sqlite:"])
@pytest.mark.parametrize("do", [opened, budgets_of])
def test_what_is_no_address_is_told(do, url):
    """With what would be one."""
    with pytest.raises(ValueError, match="sqlite:path"):
        do(Store(url=url))
