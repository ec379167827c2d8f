"""Several nodes in processes of their own that share one budget through every kind of store."""

import json
import signal
import subprocess
import sys
from contextlib import ExitStack

import pytest

from tests.support import stores

pytestmark = pytest.mark.slow

NODES = 8
SECONDS = 6.0
SETTLED_SECONDS = 1.0


@pytest.fixture(params=stores.KINDS)
def url(request, tmp_path):
    """Where a store is."""
    with stores.store(request.param, tmp_path) as home:
        yield home.url


def start(stack, url, rate, burst):
    """Eight nodes that are ready to ask for more than there is."""
    words = [sys.executable, "-m", "tests.support.borrower", url]
    nodes = [
        stack.enter_context(
            subprocess.Popen(
                [*words, f"n{number}", str(rate), str(burst), str(SECONDS)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        )
        for number in range(NODES)
    ]
    for node in nodes:
        assert node.stdout.readline() == "ready\n"
    for node in nodes:
        node.stdin.write("\n")
        node.stdin.flush()
    return nodes


def spent(nodes):
    """When they have spent a unit each, all of them together."""
    return sorted(time for node in nodes for time in json.loads(node.communicate()[0]))


def test_a_hot_key_gives_its_burst_and_its_rate_and_no_more(url):
    """Eight nodes that want all they can get have the burst and what the rate gives, and at least 99 % of that."""
    rate, burst = 100, 50
    with ExitStack() as stack:
        times = spent(start(stack, url, rate, burst))
    took = times[-1] - times[0]
    assert len(times) <= burst + rate * took + 1
    settled = [time for time in times if time > times[0] + SETTLED_SECONDS]
    assert len(settled) >= 0.99 * rate * (took - SETTLED_SECONDS) - 1


def test_nodes_that_die_take_what_they_have_borrowed_with_them_and_no_more(url):
    """What the others spend is the rate and the burst still; what the dead have not told of counts as spent."""
    rate, burst = 200, 50
    with ExitStack() as stack:
        nodes = start(stack, url, rate, burst)
        for node in nodes[:4]:
            node.send_signal(signal.SIGKILL)
            node.wait()
        times = spent(nodes[4:])
    took = times[-1] - times[0]
    settled = [time for time in times if time > times[0] + 3.0]
    assert len(times) <= burst + rate * took + 1
    assert len(settled) >= 0.99 * rate * (took - 3.0) - 1
