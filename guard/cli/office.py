"""Who takes an order: the control process that was named, that of this machine, or, if there is none, this command."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from time import time
from typing import TYPE_CHECKING, Any

from guard.changes import shown
from guard.cli.errors import TroubleError
from guard.cli.options import configuration
from guard.cli.remote import NotTakenError, Remote, chosen, here
from guard.config import Config

if TYPE_CHECKING:
    from guard.control.desk import Desk, Order
    from guard.custody.measures import State


class Office:
    """Takes orders and says what is in force. `via` is how: ``api``, or ``log`` for this command itself."""

    def __init__(self, remote: Remote | None, settings: Config | None) -> None:
        self._remote = remote
        self._settings = settings

    @property
    def via(self) -> str:
        """How an order is taken."""
        return "log" if self._remote is None else "api"

    def place(self, order: Order, patience: float | None = None, *, brief: bool = False) -> dict[str, Any]:
        """Place an order and wait until it is in force, for so many seconds at most; as the API tells it. A `brief`
        answer need not have the records.

        Raises:
            TroubleError: it cannot be taken.
        """
        order = _readable(order)
        if self._remote is not None:
            try:
                return self._remote.place(_told(order, self._remote), brief=brief, patience=patience)
            except NotTakenError:
                # Of this machine's own orders the control log itself tells.
                if not self._remote.local or self._settings is None:
                    raise
                self._remote = None
        placed = tried(self._desk().place, order, patience)
        force = placed.force
        records = [{**record, "change": shown(record["change"])} for record in placed.records]
        return {
            "changes": records, "version": placed.version, "workers": force.workers,
            "late": [one._asdict() for one in force.late], "seconds": round(force.seconds, 4),
        }  # fmt: skip

    def preview(self, order: Order) -> list[dict[str, Any]]:
        """What an order would change.

        Raises:
            TroubleError: it cannot be taken.
        """
        order = _readable(order)
        if self._remote is not None:
            told: list[dict[str, Any]] = self._remote.place(_told(order, self._remote), dry_run=True)["preview"]
            return told
        found: list[dict[str, Any]] = tried(self._desk().preview, order)
        return found

    def _desk(self) -> Desk:
        from guard.control.desk import Desk

        assert self._settings is not None
        return Desk(self._settings)


def office(config: Path | None) -> Office:
    """Find who takes orders.

    Raises:
        TroubleError: there is no configuration that would say where, or no token.
    """
    remote = chosen()
    if remote is not None:
        return Office(remote, None)
    settings = configuration(config, keys=False)
    return Office(here(Path(settings.state)), settings)


def state_of(config: Path | None) -> State:
    """The measures in force: what the named control process tells, else what this machine's control log does.

    Raises:
        TroubleError: it cannot be told; the message says why.
    """
    remote = chosen()
    if remote is not None:
        from guard.custody.measures import Measure, State

        state = State()
        for measure in sorted(remote.items("/v1/measures", Measure), key=lambda one: one.version):
            state.put(measure)
        state.drop_expired(time())
        return state
    from guard.control.desk import Desk

    def read() -> State:
        with Desk(configuration(config, keys=False)).state() as state:
            return state

    return tried(read)  # type: ignore[no-any-return]


def _readable(order: Order) -> Order:
    """An order without bytes that are no UTF-8, of which a command line may have any: as escapes where it is in words.

    Raises:
        TroubleError: they are in a name or a text that is to be put in force as it is.
    """
    from guard.custody.control import told

    for planned in order.changes:
        for value in planned.change.values():
            if isinstance(value, str) and told(value) != value:
                raise TroubleError(f"{value!r} is no UTF-8")
    incident = told(order.incident) if order.incident is not None else None
    actor = told(order.actor) if order.actor is not None else None
    return order._replace(reason=told(order.reason), actor=actor, incident=incident)


def _told(order: Order, remote: Remote) -> dict[str, Any]:
    """An order as the API takes it; only who holds this machine's own token says who they are."""
    from guard.custody.control import whoever

    if order.actor is not None and not remote.local:
        raise TroubleError("--actor is not for another machine: the token says there who you are")
    actor = (order.actor or whoever()) if remote.local else None
    words = [_without_nothing({**planned._asdict(), "change": None}) for planned in order.changes]
    members: dict[str, Any] = {
        **order._asdict(), "changes": [dict(one.change) for one in order.changes], "actor": actor,
        "each": words if any(words) else None,
    }  # fmt: skip
    return _without_nothing(members)


def _without_nothing(members: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}


def tried(do: Callable[..., Any], *arguments: Any) -> Any:
    """What comes of it, here on this machine.

    Raises:
        TroubleError: nothing does; the message says why.
    """
    from guard.changes import VersionError
    from guard.control.errors import OrderError
    from guard.custody.control import ControlError

    try:
        return do(*arguments)
    except ControlError as error:
        raise TroubleError(f"{error}; `guard log verify` tells more") from None
    except VersionError as error:
        raise TroubleError(f"{error}; nothing has changed, look again and repeat it") from None
    except UnicodeEncodeError as error:  # a command line may have any bytes
        raise TroubleError(f"{error.object!r} is no UTF-8") from None
    except (OrderError, ValueError) as error:
        raise TroubleError(str(error)) from None
