"""Parts of commands: the arguments that several of them have in common."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeAlias

from sockio.cli.web import Place, context_for
from sockio.errors import ConfigError

__all__ = [
    "Commands",
    "add_application",
    "add_client",
    "add_command",
    "add_place",
    "auth_of",
    "link_options",
    "namespaces_of",
    "place_of",
]

#: To which a command is added.
Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


_TRANSPORTS = (["polling"], ["websocket"], ["polling", "websocket"])


def add_command(
    commands: Commands,
    name: str,
    do: Callable[[argparse.Namespace], None],
    *,
    help: str,
    description: str,
    epilog: str,
) -> argparse.ArgumentParser:
    """Add a command that ``do`` runs; its texts are shown as they are."""
    command = commands.add_parser(
        name,
        help=help,
        description=description,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.set_defaults(do=do)
    return command


def add_application(command: argparse.ArgumentParser) -> None:
    """Add the argument of a command that is for an application."""
    command.add_argument(
        "app",
        metavar="MODULE:NAME",
        help="a sockio.Server, or an application that one is attached to",
    )


# ------------------------------------------------------------------ a URL


def add_place(command: argparse.ArgumentParser) -> None:
    """Add the options of a command that goes to a URL."""
    command.add_argument(
        "--cafile", metavar="FILE", help="certificates of those who may sign the URL's"
    )
    command.add_argument(
        "--insecure", action="store_true", help="check no certificate of the URL"
    )
    command.add_argument(
        "--timeout",
        type=float,
        default=10.0,
        metavar="SECONDS",
        help="that each answer may take (%(default)g)",
    )


def place_of(given: argparse.Namespace) -> Place:
    """Return where the URL leads.

    Raises:
        ConfigError: An argument is wrong.
    """
    if not 0 < given.timeout < float("inf"):
        raise ConfigError("--timeout: give a number of seconds above 0")
    context = context_for(given.cafile, insecure=given.insecure)
    return Place.of(given.url, context, given.timeout)


# ------------------------------------------------------------------ a client


def add_client(command: argparse.ArgumentParser, transports: str) -> None:
    """Add the arguments of a command that connects as clients do.

    Args:
        transports: Those of a client that is told nothing.
    """
    command.add_argument(
        "url", metavar="URL", help="of the server; http, https, ws, wss"
    )
    command.add_argument(
        "-n",
        "--namespace",
        action="append",
        metavar="NAME",
        help="to join; may be given several times (/)",
    )
    command.add_argument("--auth", metavar="JSON", help="an object, for all namespaces")
    command.add_argument(
        "--header",
        action="append",
        default=[],
        metavar="'NAME: VALUE'",
        help="of each request, such as a cookie; may be given several times",
    )
    command.add_argument(
        "--path", default="/socket.io", help="of the server (%(default)s)"
    )
    command.add_argument(
        "--transports",
        "--transport",
        default=transports,
        metavar="NAMES",
        help="in the order in which they are tried: polling, websocket, or both with a "
        "comma between them (%(default)s)",
    )
    command.add_argument(
        "--parser",
        choices=("default", "msgpack"),
        default="default",
        help="that of the server (%(default)s)",
    )
    add_place(command)


def link_options(given: argparse.Namespace) -> dict[str, Any]:
    """Return the arguments of ``Dialer`` that were given.

    Raises:
        ConfigError: One is wrong.
    """
    transports = given.transports.split(",")
    if transports not in _TRANSPORTS:
        raise ConfigError(
            f"--transports {given.transports}: give polling, websocket or "
            "polling,websocket"
        )
    if not given.path.startswith("/"):
        raise ConfigError(f"--path {given.path}: it begins with a slash")
    place = place_of(given)
    headers = {**place.headers, **dict(map(_header, given.header))}
    return {
        "place": replace(place, headers=headers),
        "path": f"{place.path}{given.path.rstrip('/')}/",
        "transports": transports,
        "msgpack": given.parser == "msgpack",
    }


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip() or not text.isprintable():
        raise ConfigError(f"--header {text!r}: give NAME: VALUE")
    return name.strip(), value.strip()


def auth_of(given: argparse.Namespace) -> Any:
    """Return what ``--auth`` says; None: nothing.

    Raises:
        ConfigError: It is no object of JSON.
    """
    if given.auth is None:
        return None
    try:
        auth = json.loads(given.auth)
    except ValueError as exc:
        raise ConfigError(f"--auth is no JSON: {exc}") from None
    if not isinstance(auth, dict):
        raise ConfigError('--auth: give an object of JSON, such as {"token": 1}')
    return auth


def namespaces_of(given: argparse.Namespace) -> list[str]:
    """Return the namespaces to join, each once.

    Raises:
        ConfigError: One cannot be one.
    """
    names = given.namespace or ["/"]
    for name in names:
        if not name.startswith("/"):
            raise ConfigError(f"-n {name}: the name of a namespace begins with a slash")
    return list(dict.fromkeys(names))
