"""The guard as a program: its listener, its workers under uvicorn, beside them the keeper and the control process."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import socket
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from functools import partial

import uvicorn

from guard.admin.orders import encode
from guard.assembly import decide, journal_folder
from guard.attendant import Attendant
from guard.config import Config
from guard.keeper.orders import encode as encode_keeping
from guard.keeper.orders import orders
from guard.ruleset.redactor import RedactionError
from guard.supervisor import Supervisor
from guard.wire.address import parse_listen
from guard.wire.preface import Preface
from guard.wire.server import ServerConnection
from guard.wire.tls import TlsError
from guard.worker import Reread, Worker

BACKLOG = 2_048

# To stderr: all that is worth a warning, and what the guard itself does on an operator's word. What connections tell
# (`guard.wire`) is not for every peer to fill a disk with.
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"level": "WARNING", "handlers": ["stderr"]},
    "loggers": {"guard": {"level": "INFO"}, "guard.wire": {"level": "WARNING"}},
}


class StartError(Exception):
    """The guard cannot start; the message says why and what to do."""


def protocol(config: Config) -> type[asyncio.Protocol]:
    """What a connection to the data listener begins as: at once with HTTP where nothing comes before it."""
    bare = config.data.tls.certificate is None and not config.data.proxy_protocol
    return ServerConnection if bare else Preface


def serve(config: Config, *, ready: Callable[[str], None], reread: Reread) -> int:
    """Run the guard until it is told to stop (SIGTERM or SIGINT); returns the exit code.

    `ready` is called with the URL of the data listener when its socket is open, `reread` (which is pickled for the
    workers) when SIGHUP says that the configuration has changed.

    Raises:
        StartError: it cannot start.
        BundleError: the rules are not fit to be used.
    """
    try:
        decisions = decide(config)
        journal_folder(config).mkdir(parents=True, exist_ok=True, mode=0o700)
    except (TlsError, RedactionError) as error:
        raise StartError(str(error)) from error
    except (OSError, ValueError) as error:
        raise StartError(f"the state folder {config.state} cannot be used: {_reason(error)}") from error
    _allow_descriptors()
    data = config.data
    listener = _bind(data.listen)
    worker = Worker(config, reread)
    server_config = uvicorn.Config(
        worker,
        http=protocol(config),
        ws="none",
        interface="asgi3",
        lifespan="on",
        workers=data.workers,
        backlog=BACKLOG,
        timeout_graceful_shutdown=max(round(data.drain_timeout), 1),
        proxy_headers=False,
        server_header=False,
        date_header=False,
        access_log=False,
        log_config=LOGGING,
    )
    # What it says before somebody listens to it waits; processes that are started begin so too.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
    ready(_url(listener, "http" if decisions.tls is None else "https"))
    # The keeper's end comes last, so that it signs for the last records of all others too.
    with Attendant("keeper", "guard.keeper", encode_keeping(orders(config))), _control(config) as control:
        renewed = partial(_tell, control, worker)
        supervisor = Supervisor(
            server_config, [listener], patience=data.hang_timeout, drain=data.drain_timeout, renewed=renewed
        )
        supervisor.run()
        return int(supervisor.failed)


def _control(config: Config) -> AbstractContextManager[Attendant | None]:
    """The control process; none where neither operators nor other machines are to reach this one."""
    if not config.needs_control:
        return nullcontext()
    return Attendant("control process", "guard.admin", encode(config), config.data.hang_timeout)


def _tell(control: Attendant | None, worker: Worker) -> None:
    """Another configuration is in force."""
    if control is not None:
        control.order(encode(worker.config))


def _reason(error: Exception) -> str:
    """Why, in words."""
    if not isinstance(error, OSError) or not error.strerror:
        return str(error)
    return f"{error.strerror.lower()}{f' ({error.filename})' if error.filename else ''}"


def _allow_descriptors() -> None:
    """Each connection is a descriptor, and the usual soft limit of 1,024 is for programs that still use select."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        with suppress(ValueError, OSError):  # some systems have a lower bound than they say
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _bind(listen: str) -> socket.socket:
    """Open the data listener; who connects before the workers are up waits in its queue."""
    host, port = parse_listen(listen)
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        listener = socket.create_server(address[:2], family=family, backlog=BACKLOG)
    except OSError as error:
        raise StartError(
            f"cannot listen on {listen}: {os.strerror(error.errno or 0).lower()}; is another guard running there?"
        ) from error
    listener.set_inheritable(True)
    return listener


def _url(listener: socket.socket, scheme: str) -> str:
    host, port = listener.getsockname()[:2]
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"
