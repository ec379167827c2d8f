"""The measurement: one peer at a time on a core of its own, the model and the load on another."""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from loadtests import peers, wrk
from loadtests.ports import free_port
from loadtests.program import ProgramError, running

if TYPE_CHECKING:
    from collections.abc import Iterator

HEADERS = {"content-type": "application/json", "authorization": "Bearer sk-test-1234567890"}

Samples = dict[int, wrk.Sample]


class Bench:
    """Where peers are measured and for how long; times are seconds, `connections` are the loads to measure in turn.

    Raises:
        ProgramError: there are not two cores to use.
    """

    def __init__(self, folder: Path | None, *, seconds: int, warm_up: int, connections: tuple[int, ...]) -> None:
        cores = sorted(os.sched_getaffinity(0))
        if len(cores) < 2:
            raise ProgramError("two cores are needed: one for the proxy, one for the model and the load")
        self.proxy_core, self.load_core = cores[:2]
        self.folder = folder
        self.seconds = seconds
        self.warm_up = warm_up
        self.connections = connections

    @contextmanager
    def model(self) -> Iterator[int]:
        """The model, running; its port."""
        with self._place("model") as place, self._serving("model", peers.model, place, self.load_core):
            yield place.port

    def measure(self, name: str, peer: peers.Peer, model: int) -> Samples:
        """Start a peer afresh before the model at port `model`, warm it up, load it; the samples by connections.

        Raises:
            ProgramError: the peer does not start or answer, or the guard's journal lacks requests.
            WrkError: a request failed under load.
        """
        with self._place(name, model) as place:
            with self._serving(name, peer, place, self.proxy_core):
                warm = self._load(place, max(self.connections), self.warm_up)
                samples = {count: self._load(place, count, self.seconds) for count in self.connections}
            if name == "guard":
                _check_journal(place, warm.requests + sum(sample.requests for sample in samples.values()))
        return samples

    def _load(self, place: peers.Place, connections: int, seconds: int) -> wrk.Sample:
        return wrk.run(place.url, connections=connections, seconds=seconds, core=self.load_core)

    @contextmanager
    def _place(self, name: str, model: int = 0) -> Iterator[peers.Place]:
        with tempfile.TemporaryDirectory(prefix=f"{name}-", dir=self.folder) as folder:
            yield peers.Place(Path(folder), free_port(), model)

    @contextmanager
    def _serving(self, name: str, peer: peers.Peer, place: peers.Place, core: int) -> Iterator[None]:
        with running(name, peer(place), core=core, log=place.folder / "log") as program:
            program.wait_for(place.url, wrk.PROMPT.read_bytes(), HEADERS, peers.ANSWER.read_bytes())
            yield


def _check_journal(place: peers.Place, requests: int) -> None:
    journaled = peers.journaled(place.folder)
    if journaled < requests:
        raise ProgramError(f"the guard's journal has {journaled} complete exchanges of {requests}")
