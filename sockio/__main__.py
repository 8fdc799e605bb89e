"""The command line: ``python -m sockio run module:app``."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sockio.errors import ConfigError
from sockio.httpd.listening_socket import ListeningSocket
from sockio.httpd.options import RunSettings
from sockio.socket.server.naming import server_named
from sockio.socket.server.workers import check_count, serve_together

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command.

    Raises:
        SystemExit: It has failed; the code is 2 if an argument is wrong.
    """
    parser = argparse.ArgumentParser(
        prog="python -m sockio", description="Serve a Socket.IO application."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    run = commands.add_parser(
        "run",
        help="serve an application",
        description="Serve until Ctrl-C or SIGTERM, with sockio's own HTTP server.",
    )
    run.add_argument(
        "app",
        metavar="MODULE:NAME",
        help="a sockio.Server, or an application that one is attached to",
    )
    run.add_argument(
        "-b",
        "--bind",
        default="127.0.0.1:3000",
        metavar="ADDRESS",
        help='"host:port", a port of all interfaces, or "unix:/path" (%(default)s)',
    )
    run.add_argument(
        "-w",
        "--workers",
        type=int,
        default=1,
        metavar="N",
        help="how many processes serve; together they are one server (1)",
    )
    run.add_argument("--certfile", metavar="FILE", help="certificates: serve https")
    run.add_argument("--keyfile", metavar="FILE", help="their key, if not in CERTFILE")
    given = parser.parse_args(arguments)
    tls = {
        name: value
        for name, value in (("certfile", given.certfile), ("keyfile", given.keyfile))
        if value is not None
    }
    address = int(given.bind) if given.bind.isdecimal() else given.bind
    sys.path.insert(0, os.getcwd())
    with _exiting():
        if check_count(given.workers) == 1:
            server_named(given.app).run(address, **tls)
        else:
            serve_together(address, given.workers, lambda: _Worker(given.app), **tls)


@contextmanager
def _exiting() -> Iterator[None]:
    """End the program with one line if an argument or an option is wrong."""
    try:
        yield
    except ConfigError as exc:
        raise SystemExit(f"sockio: {exc}") from None


class _Worker:
    """An application that is imported in the process that serves it."""

    def __init__(self, name: str) -> None:
        self._name = name

    def run_as_worker(
        self,
        listening: ListeningSocket,
        group: str,
        on_ready: Callable[[], object],
        **options: Unpack[RunSettings],
    ) -> None:
        """Serve until a signal comes."""
        with _exiting():
            lifecycle = server_named(self._name)._lifecycle
            lifecycle.run_as_worker(listening, group, on_ready, **options)


if __name__ == "__main__":
    main()
