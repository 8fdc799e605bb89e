"""Setting: ``SOCKIO = {"server": "chat.events.io"}``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.utils.module_loading import import_string

from sockio.errors import ConfigError
from sockio.socket.server.server import Server

__all__ = ["is_set", "named_server"]

_HOW = 'write SOCKIO = {"server": "chat.events.io"}, with the path of your Server'


def is_set() -> bool:
    """Whether the project has the setting."""
    return getattr(settings, "SOCKIO", None) is not None


def named_server() -> Server[Any]:
    """Import the server that the setting names.

    Raises:
        ConfigError: There is no such setting, or it names no server.
    """
    given = getattr(settings, "SOCKIO", None)
    if given is None:
        raise ConfigError(f"SOCKIO is not set: {_HOW}, or call application(io)")
    if not isinstance(given, Mapping) or not isinstance(given.get("server"), str):
        raise ConfigError(f"SOCKIO = {given!r}: {_HOW}")
    unknown = sorted(set(given) - {"server"})
    if unknown:
        raise ConfigError(
            f'SOCKIO: {unknown[0]!r} is unknown, "server" is all there is; options are '
            "arguments of sockio.Server"
        )
    path = given["server"]
    try:
        found = import_string(path)
    except ImportError as exc:
        raise ConfigError(f"SOCKIO: {path!r} cannot be imported: {exc}") from exc
    if not isinstance(found, Server):
        raise ConfigError(f"SOCKIO: {path!r} is {found!r}, not a sockio.Server")
    return found
