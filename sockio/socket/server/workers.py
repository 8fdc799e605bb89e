"""Workers: the processes of ``run``, one or several, that are one server."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from sockio import build
from sockio.errors import ConfigError
from sockio.httpd.listening_socket import Address, ListeningSocket
from sockio.httpd.listening_socket import listen as bind
from sockio.httpd.options import RunSettings
from sockio.httpd.server import BACKLOG
from sockio.runtime.clock import Clock
from sockio.runtime.service_manager import Beat, ServiceManager
from sockio.runtime.standard_streams import say
from sockio.siblings.supervisor import Supervisor

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = [
    "Service",
    "check_count",
    "exiting",
    "say_where",
    "scheme_of",
    "serve_together",
]


class Worker(Protocol):
    """What serves in each process."""

    def run_as_worker(
        self,
        listening: ListeningSocket,
        group: str,
        on_ready: Callable[[], object],
        **options: Unpack[RunSettings],
    ) -> None:
        """Serve until a signal comes."""


class Service:
    """What one process that serves alone tells: its user, and a service manager."""

    def __init__(self, scheme: str, clock: Clock) -> None:
        self._scheme = scheme
        self._clock = clock
        self._manager = ServiceManager()
        self._beat: Beat | None = None

    def serves(self, where: Any) -> None:
        """Tell that clients can come."""
        self._manager.ready(say_where(where, self._scheme))
        self._beat = Beat(self._manager, self._clock)

    def ends(self) -> None:
        """Tell that no more clients should come."""
        self._manager.stopping()

    def __enter__(self) -> Service:
        return self

    def __exit__(self, *error: object) -> None:
        if self._beat is not None:
            self._beat.close()


def check_count(workers: object) -> int:
    """Return a number of processes.

    Raises:
        ConfigError: It is none.
    """
    if type(workers) is not int or not 1 <= workers <= 1000:
        raise ConfigError(f"workers={workers!r}: give a number of processes, 1 or more")
    return workers


def serve_together(
    address: Address | ListeningSocket,
    workers: int,
    make: Callable[[], Worker],
    **options: Unpack[RunSettings],
) -> None:
    """Serve on ``address`` with several processes until a signal comes.

    Args:
        address: Or a socket that listens already; its owner closes it.
        make: Called in each process.

    Raises:
        SystemExit: They cannot listen, or none of them could begin to serve.

    Blocks:
        The whole process, until all of them have ended.
    """
    if isinstance(address, ListeningSocket):
        listening = address.shared()
    else:
        with exiting():
            listening = bind(address, options.get("backlog", BACKLOG))
    group = secrets.token_hex(12)
    supervisor = Supervisor(
        workers,
        lambda ready: make().run_as_worker(
            listening.shared(workers), group, ready, **options
        ),
        ServiceManager(),
    )
    scheme = scheme_of(options)
    try:
        code = supervisor.run(lambda: say_where(listening.address, scheme, workers))
    finally:
        listening.close()
    if code:
        raise SystemExit(code)


def scheme_of(options: Mapping[str, object]) -> str:
    """Return the scheme of the addresses at which ``run`` serves."""
    return "https" if {"certfile", "ssl_context"} & options.keys() else "http"


@contextmanager
def exiting() -> Iterator[None]:
    """End the program if it cannot listen; a traceback does not help its user."""
    try:
        yield
    except OSError as exc:
        raise SystemExit(f"sockio: cannot listen: {exc.strerror}") from None


def say_where(address: Any, scheme: str, workers: int = 1) -> str:
    """Print one line for the person who started the program; return its end."""
    kind = "compiled" if build.compiled else "plain Python"
    where, note = address, ""
    if isinstance(address, tuple):
        host, port = address
        if host in ("::", "0.0.0.0"):
            host, note = "localhost", ", on all interfaces"
        where = f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"
    if workers > 1:
        note += f", with {workers} workers"
    text = f"serves on {where}{note}"
    say(f"sockio ({kind}) {text}\n")
    return text
