"""Checks: what ``manage.py check`` finds about Socket.IO."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error
from django.core.checks import Warning as Advice
from django.utils.module_loading import import_string

from sockio.errors import ConfigError

from .setting import is_set, named_server

__all__ = [
    "async_only_middlewares",
    "check_databases",
    "check_middlewares",
    "check_server",
]


def check_server(app_configs: object, **kwargs: Any) -> list[CheckMessage]:
    """Check that SOCKIO names a server, if it is there."""
    if not is_set():
        return []
    try:
        named_server()
    except ConfigError as exc:
        return [Error(str(exc), id="sockio.E001")]
    return []


def check_middlewares(app_configs: object, **kwargs: Any) -> list[CheckMessage]:
    """Check that the middlewares can run in a greenlet."""
    return [
        Error(
            f"the middleware {path} is async only, and cannot run under gevent.",
            hint="Use one that is sync_capable.",
            id="sockio.E002",
        )
        for path in async_only_middlewares()
    ]


def async_only_middlewares() -> list[str]:
    """Return the paths of the middlewares that no synchronous request may pass."""
    found = []
    for path in settings.MIDDLEWARE:
        try:
            middleware = import_string(path)
        except ImportError:
            continue  # Django says so itself
        if not getattr(middleware, "sync_capable", True):
            found.append(path)
    return found


def check_databases(
    app_configs: object, configured: Mapping[str, Any] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """Check that connections are kept by pools, which greenlets can share.

    Args:
        app_configs: Has no effect: all databases are looked at.
        configured: The databases; None: those of the settings.
        kwargs: Have no effect.
    """
    return [
        Advice(
            f"CONN_MAX_AGE of the database {alias!r} keeps no connection: under gevent "
            "each request and each event is a thread of its own.",
            hint="With PostgreSQL, 'OPTIONS': {'pool': True} keeps connections.",
            obj=alias,
            id="sockio.W001",
        )
        for alias, each in (configured or settings.DATABASES).items()
        if each.get("CONN_MAX_AGE", 0) != 0
    ]
