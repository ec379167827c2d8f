"""The path of a request: what is decided about it, in which order.

Each stage is a plain function of an exchange, without I/O; it refuses by raising `Refusal`. What needs only the head
of the request runs before its body is read; a WebSocket's handshake has no body, and what it carries is read message by
message (`guard.stages.message`).
"""

from __future__ import annotations

from collections.abc import Callable

from guard.exchange import Exchange
from guard.policy.meters import Meters
from guard.stages.block import block
from guard.stages.filter import filter_prompt
from guard.stages.identify import identify
from guard.stages.limit import limit
from guard.stages.locate import locate
from guard.stages.parse import parse
from guard.stages.reserve import estimate, reserve
from guard.stages.route import route
from guard.stages.upgrade import upgrade

Stage = Callable[[Exchange, Meters], None]

HEAD: tuple[Stage, ...] = (locate, identify, block, limit)
BODY: tuple[Stage, ...] = (parse, filter_prompt, route)
UPGRADE: tuple[Stage, ...] = (upgrade,)
SHARE: tuple[Stage, ...] = (estimate, reserve)
"""Where limits need them. What holds something is always run on the loop, for an exchange may end while it is read."""
