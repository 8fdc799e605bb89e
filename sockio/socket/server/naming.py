"""Naming: the server that ``MODULE:NAME`` names.

The name is that of a server, or of an application that a server is attached to.
"""

from __future__ import annotations

import importlib
from typing import Any

from sockio.engine.http.mount import Mount
from sockio.errors import ConfigError

from .lifecycle import Lifecycle
from .server import Server

__all__ = ["server_named"]


def server_named(name: str) -> Server[Any]:
    """Import a module, and return the server of that name.

    Raises:
        ConfigError: There is none of that name.
    """
    module_name, colon, attribute = name.partition(":")
    if not colon or not attribute or not all(module_name.split(".")):
        raise ConfigError(f"{name!r}: give MODULE:NAME, as chat.server:io")
    try:
        found: Any = importlib.import_module(module_name)
    except ModuleNotFoundError as exc:
        if exc.name is None or not f"{module_name}.".startswith(f"{exc.name}."):
            raise
        raise ConfigError(f"there is no module {exc.name}") from None
    for part in attribute.split("."):
        if not hasattr(found, part):
            raise ConfigError(f"{name!r}: {found!r} has no {part!r}")
        found = getattr(found, part)
    if isinstance(found, Server):
        return found
    io = getattr(found, "io", None)  # what the integrations of frameworks serve
    if isinstance(io, Server):
        return io
    mount = found if isinstance(found, Mount) else getattr(found, "wsgi_app", None)
    owner = mount.owner if isinstance(mount, Mount) else None
    if isinstance(owner, Lifecycle) and isinstance(owner.server, Server):
        return owner.server
    raise ConfigError(
        f"{name!r} is {type(found).__name__}: give a sockio.Server, or what its "
        "attach(app) has returned"
    )
