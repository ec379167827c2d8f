"""Asking a control process."""

import asyncio
import socket

import pytest

from guard.cli.errors import TroubleError
from guard.cli.remote import Remote, UnreachableError, here
from guard.custody.local import Local, publish
from tests.support.admin import admin


def test_one_that_hangs_is_as_good_as_none(tmp_path):
    """It is not waited for long."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        publish(tmp_path, Local(f"http://127.0.0.1:{silent.getsockname()[1]}", 1, "t"))
        assert here(tmp_path) is None
    assert here(tmp_path / "nowhere") is None


async def test_measures_come_page_by_page(tmp_path, monkeypatch):
    """All of them."""
    monkeypatch.setattr("guard.cli.remote.PAGE", 2)
    async with admin(tmp_path) as api:
        remote = Remote(api.url, api.tokens["viewer"], local=False)
        found = await asyncio.to_thread(lambda: list(remote.measures()))
        remote.close()
    assert sorted(one["change"]["name"] for one in found) == ["a-analyst", "a-commander", "a-operator", "a-viewer"]


async def test_refusals_are_told_in_words(tmp_path):
    """What is wrong, and what was expected."""
    async with admin(tmp_path) as api:
        remote = Remote(api.url, api.tokens["viewer"], local=False)
        with pytest.raises(TroubleError, match="this is for the role operator"):
            await asyncio.to_thread(remote.place, {"changes": [], "reason": "r"})
        remote.close()


def test_what_is_no_admin_api_is_told():
    """Nobody there, or somebody else."""
    with pytest.raises(UnreachableError, match="does not answer"):
        Remote("http://127.0.0.1:9", "t", local=True).get("/v1/status")
    with pytest.raises(UnreachableError, match="does not answer"):
        Remote("nonsense", "t", local=True).get("/v1/status")
