"""Runsocketio: serve the project and its Socket.IO clients, for development and beyond.

It takes the arguments of ``runserver``.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.management.commands.runserver import naiveip_re
from django.core.servers.basehttp import get_internal_wsgi_application
from django.db import connections
from django.utils.autoreload import DJANGO_AUTORELOAD_ENV

from sockio.errors import ConfigError
from sockio.integrations.django.application import application, has_front, mount
from sockio.integrations.django.restarting import (
    patched_command,
    reloading,
    supervise,
    with_patch,
)
from sockio.integrations.django.setting import named_server
from sockio.integrations.front import Front
from sockio.socket.server.server import Server

__all__ = ["Command"]

#: The exit code if the server cannot listen; the code need not change for that.
_CANNOT_LISTEN = 2


class Command(BaseCommand):  # type: ignore[misc]
    """Serve with sockio's own HTTP server."""

    help = "Serves the project and its Socket.IO clients."
    requires_system_checks = ()  # they are made in the process that serves
    stealth_options = ()
    suppressed_base_arguments = frozenset({"--traceback"})

    def add_arguments(self, parser: CommandParser) -> None:
        """Take those of ``runserver``, and some of ``Server.run``."""
        add = parser.add_argument
        add("addrport", nargs="?", default="8000", help="Port number, or ipaddr:port.")
        add("--ipv6", "-6", action="store_true", help="Use an IPv6 address.")
        add("--noreload", action="store_true", help="Do not watch the code.")
        add("--nostatic", action="store_true", help="Do not serve static files.")
        add("--insecure", action="store_true", help="Serve static files without DEBUG.")
        add("--workers", type=int, default=1, help="How many processes serve.")
        add("--certfile", help="PEM file with a certificate: speak TLS.")
        add("--keyfile", help="PEM file with its key, if not in --certfile.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Serve until a signal comes. Blocks.

        Raises:
            CommandError: An argument or a setting is wrong.
        """
        if not settings.DEBUG and not settings.ALLOWED_HOSTS:
            raise CommandError("You must set settings.ALLOWED_HOSTS if DEBUG is False.")
        address = _address(options["addrport"], options["ipv6"])
        watching = not options["noreload"]
        if watching and options["workers"] > 1:
            raise CommandError("--workers: several processes need --noreload")
        if watching and os.environ.get(DJANGO_AUTORELOAD_ENV) != "true":
            command = patched_command(sys.orig_argv, sys.argv)
            sys.exit(supervise(command, self.stderr.write))
        with_patch()
        if watching:
            reloading(lambda: self._serve(address, options))
        else:
            self._serve(address, options)

    def _serve(self, address: tuple[str, int], options: dict[str, Any]) -> None:
        self.check(display_num_errors=True)
        self.check_migrations()
        connections.close_all()
        try:
            io = _server(static=_serves_static(options))
        except ConfigError as exc:
            raise CommandError(str(exc)) from exc
        tls = {name: options[name] for name in ("certfile", "keyfile") if options[name]}
        log = sys.stderr if options["verbosity"] > 0 else None
        version = self.get_version()
        self.stdout.write(
            f"Django version {version}, using settings {settings.SETTINGS_MODULE!r}\n"
            "Quit the server with CONTROL-C."
        )
        try:
            io.run(address, workers=options["workers"], log=log, **tls)
        except SystemExit as exc:
            if isinstance(exc.code, str):
                raise CommandError(exc.code, returncode=_CANNOT_LISTEN) from exc
            raise


def _address(given: str, ipv6: bool) -> tuple[str, int]:
    """Read the address as ``runserver`` does."""
    match = naiveip_re.match(given)
    if match is None:
        raise CommandError(
            f"{given!r} is not a valid port number or address:port pair."
        )
    host, _, bracketed, _, port = match.groups()
    if bracketed:
        host = host[1:-1]
    return host or ("::1" if ipv6 else "127.0.0.1"), int(port)


def _serves_static(options: dict[str, Any]) -> bool:
    return (
        "django.contrib.staticfiles" in settings.INSTALLED_APPS
        and not options["nostatic"]
        and (settings.DEBUG or options["insecure"])
    )


def _server(*, static: bool) -> Server[Any]:
    """Return the server that serves the project, as WSGI_APPLICATION does.

    Raises:
        ConfigError: Neither that nor SOCKIO tells of a server.
    """
    served = get_internal_wsgi_application()
    if served is application:
        served = mount()
    if isinstance(served, Front):
        io = served.io
    else:
        io = named_server()
        if not has_front(io):
            served = mount(io, served)
    if not isinstance(served, Front):
        # Something was put around the application, and sees all requests.
        io._lifecycle.front = _with_static(served) if static else served
    elif static:
        served.pages.app = _with_static(served.pages.app)
    return io


def _with_static(app: Any) -> Any:
    from django.contrib.staticfiles.handlers import StaticFilesHandler

    return StaticFilesHandler(app)
