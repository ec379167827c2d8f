"""A keeper's parts without its process: orders for a state folder, and the key that signs there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from guard.config import Journal
from guard.keeper.notary import Notary
from guard.keeper.orders import Orders
from guard.keeper.seal import Sealer
from guard.keeper.standing import Standing
from guard.proof.checkpoint import Checkpoint, opened
from guard.proof.keys import signer
from guard.proof.node import node_name


class Keeping:
    """The orders, the standing, and a notary with the checkpoints that it has published."""

    def __init__(self, state: Path, **journal: Any) -> None:
        self.state = state
        self.orders = Orders(str(state), Journal(**{"checkpoint_interval": 0.000_001, **journal}))
        self.standing = Standing()
        self.published: list[tuple[str, bytes]] = []
        self.orders.folder.mkdir(parents=True, exist_ok=True)
        self.notary = Notary(self.orders, self.standing, lambda log, note: self.published.append((log, note)))

    @property
    def journal(self) -> Path:
        return self.orders.folder

    def again(self) -> Keeping:
        """The next keeper, that knows nothing but what is on disk."""
        return Keeping(self.state, **{name: getattr(self.orders.journal, name) for name in Journal.__struct_fields__})

    def checkpoint(self, log: str = "w1") -> Checkpoint:
        """The log's checkpoint, verified."""
        return self.opened((self.journal / log / "checkpoint").read_bytes(), log)

    def opened(self, note: bytes, log: str = "w1") -> Checkpoint:
        return opened(note, [signer(self.state, node_name(self.state), log).verifier])

    def seal(self) -> Sealer:
        """Sign for all there is and seal all that may be."""
        self.notary.step(finish=True)
        sealer = Sealer(self.orders, self.standing)
        sealer.step()
        return sealer
