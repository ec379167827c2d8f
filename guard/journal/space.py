"""How much room the disk has left, and what follows from that."""

from __future__ import annotations

import logging

logger = logging.getLogger("guard.journal")

# Once there is too little room, there has to be so much more before there is enough again.
RELIEF = 1.25


class Space:
    """Watched ahead of need: what is begun while there is room has to find room for its end as well.

    Attributes:
        low: less than twice the reserve is free; the log says so.
        short: less than the reserve is free: nothing new is begun, or written, as configured.
    """

    def __init__(self, reserve: int, on_failure: str) -> None:
        """`reserve` in bytes; `on_failure` as in the configuration."""
        self.reserve = reserve
        self.low = False
        self.short = False
        self._sheds = on_failure == "shed_outputs"
        self._then = {
            "refuse": "requests are refused", "shed_outputs": "requests are refused", "pass": "nothing is written down",
        }[on_failure]  # fmt: skip

    def __repr__(self) -> str:
        return f"<Space {'short' if self.short else 'low' if self.low else 'ample'}>"

    @property
    def shedding(self) -> bool:
        """Whether what models say is not written any more, so that there is room for what they are asked."""
        return self._sheds and self.low

    def saw(self, free: int) -> None:
        """So many bytes are free now."""
        low = free < 2 * self.reserve * (RELIEF if self.low else 1)
        short = free < self.reserve * (RELIEF if self.short else 1)
        if short and not self.short:
            logger.error("the journal's disk has %d bytes left: %s until it has more", free, self._then)
        elif low and not self.low:
            outputs = "; what models say is not written down" if self._sheds else ""
            logger.warning(
                "the journal's disk has %d bytes left%s; below %d %s", free, outputs, self.reserve, self._then
            )
        elif self.short and not short:
            logger.warning("the journal's disk has %d bytes left: that is enough to go on", free)
        self.low = low
        self.short = short
