"""The wire is tested on both loops that it may run under: uvicorn takes uvloop where it is installed."""

import asyncio

import pytest
import uvloop


@pytest.hookimpl(optionalhook=True)
def pytest_asyncio_loop_factories():
    """Each test that needs a loop runs once on each."""
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}
