"""Doctor: examines an application and its surroundings."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

from sockio.runtime.patching import is_patched
from sockio.socket.server.server import Server

from .findings import Finding
from .gunicorn_checks import check_gunicorn, is_our_kind, settings
from .process_checks import PATCHED, check_build, check_descriptors, check_patching
from .server_checks import check_adapter, check_client
from .url_checks import check_url
from .web import Place

__all__ = ["examine"]


def examine(
    server: Server[Any], place: Place | None, gunicorn: str | None
) -> list[Finding]:
    """Return what is found.

    Args:
        server: Has not started.
        place: Where clients reach it; None: that is not examined.
        gunicorn: The arguments that gunicorn is started with; None: not known.

    Raises:
        ConfigError: gunicorn does not know these arguments.

    Blocks:
        Until all is answered, or its time is over.
    """
    return list(_examine(server, place, gunicorn))


def _examine(
    server: Server[Any], place: Place | None, gunicorn: str | None
) -> Iterator[Finding]:
    # What our own checks import must not count as the application's.
    loaded = frozenset(sys.modules)
    config = settings(gunicorn)
    yield from check_build()
    by_worker = config is not None and is_our_kind(config)
    patched = [each for each in PATCHED if is_patched(each)]
    yield from check_patching(loaded, patched, by_worker=by_worker)
    yield from check_descriptors()
    if config is not None:
        yield from check_gunicorn(config)
    yield from check_adapter(server)
    visited = [] if place is None else list(check_url(place, server))
    # What is handed out there is what browsers get.
    if all(each.subject != "client" for each in visited):
        yield from check_client(server)
    yield from visited
