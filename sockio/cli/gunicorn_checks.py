"""Gunicorn checks: the settings with which gunicorn would start here."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

from sockio.errors import ConfigError

from .findings import Finding

__all__ = ["check_gunicorn", "is_our_kind", "settings"]

#: Seconds for which nginx, and many balancers, keep an idle connection.
_PROXIES_KEEP = 60
#: Fewer requests under way than this are soon used up by clients that poll.
_FEW = 1000


def settings(arguments: str | None) -> Any:
    """Return gunicorn's configuration; None: nothing says that it is used.

    Args:
        arguments: Of its command line; None: only its file and environment count.

    Raises:
        ConfigError: gunicorn is not installed, or does not know the arguments.
    """
    if find_spec("gunicorn") is None:
        if arguments is None:
            return None
        raise ConfigError("gunicorn is not installed: python -m pip install gunicorn")
    from sockio.integrations.gunicorn.configuration import configuration

    return configuration(arguments)


def is_our_kind(config: Any) -> bool:
    """Whether the workers are of a class that can serve Socket.IO."""
    from sockio.integrations.gunicorn.configuration import has_gevent_worker

    return has_gevent_worker(config)


def check_gunicorn(config: Any) -> Iterator[Finding]:
    """Look at what matters to Socket.IO."""
    name = config.worker_class_str
    if is_our_kind(config):
        yield Finding("ok", "worker class", f"{name}, {config.workers} workers")
    else:
        yield Finding(
            "error",
            "worker class",
            f"{name} cannot serve Socket.IO: a request that waits would hold up others",
            "gunicorn -k gevent",
        )
    if config.keepalive <= _PROXIES_KEEP:
        yield Finding(
            "warning",
            "keep-alive",
            f"gunicorn closes idle connections after {config.keepalive} s; a proxy "
            "that reuses one at that moment answers 502",
            "gunicorn --keep-alive 75",
        )
    else:
        yield Finding("ok", "keep-alive", f"{config.keepalive} s")
    if config.worker_connections <= _FEW:
        yield Finding(
            "hint",
            "connections",
            f"a worker has at most {config.worker_connections} requests under way; "
            "each client that polls has one",
            "if many clients poll: gunicorn --worker-connections 10000",
        )
    if config.is_ssl:
        yield Finding(
            "hint",
            "connections",
            "gunicorn speaks TLS, so each WebSocket counts as a request under way",
            "end TLS in a proxy, or use python -m sockio run --certfile",
        )
