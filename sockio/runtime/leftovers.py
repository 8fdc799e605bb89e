"""Leftovers: drop what a job left in thread-locals before the next one begins.

In a process that gevent has patched, a "thread" of the standard library is a greenlet,
and our greenlets run the jobs of many clients. gevent keeps the data of such a thread
until the greenlet notifies it of its end. A ``Worker`` does that at the end of each
job: for thread-locals it is a new thread each time.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from gevent import Timeout
from gevent.monkey import is_object_patched
from greenlet import greenlet

from . import logs

__all__ = ["Worker", "belongs_to_a_test", "close_connections"]

log = logs.get("runtime.leftovers")

#: How many times in a row destructors may leave something again; the end of the next
#: job drops the rest. POSIX has such a limit for threads, of at least 4.
_ROUNDS = 8


class Worker(greenlet):  # type: ignore[misc]
    """A greenlet that runs jobs, and has links as gevent's own greenlets do.

    All that a job may leave behind is in the greenlet's ``__dict__``: the keys of
    thread-locals, the links, and attributes that were set. It is empty otherwise.
    """

    def rawlink(self, callback: Callable[[Any], object]) -> None:
        """Call ``callback(self)`` at the end of the job."""
        self.__dict__.setdefault("links", []).append(callback)

    def unlink(self, callback: Callable[[Any], object]) -> None:
        """Do not call ``callback``."""
        with suppress(KeyError, ValueError):
            self.__dict__["links"].remove(callback)

    def clear(self) -> None:
        """Drop what the job left; called in the worker itself.

        Blocks:
            As long as the destructors of what is dropped do.
        """
        try:
            close_connections()
        finally:
            own = self.__dict__
            for _ in range(_ROUNDS):
                links = own.pop("links", ())
                own.clear()
                for link in links:
                    link(self)
                if not own:
                    break


def close_connections(*, native: bool = False) -> None:
    """Close the database connections that Django opened for the current thread.

    Django leaves that to the code that ends a request. The connections are part of
    reference cycles, so dropping them is not enough.

    Args:
        native: Whether the caller is the only job of a native thread, not a greenlet.
            In a process that is not patched, all greenlets of a thread share its
            connections, which stay open, since another greenlet may be using them.

    Blocks:
        As long as closing does.
    """
    if not native and not is_object_patched("threading", "local"):
        return
    for connection in _connections():
        if _is_of_a_test(connection):
            continue
        try:
            connection.close()
        except (Exception, Timeout):
            # A boundary: database drivers are code of others, and the next job must
            # run.
            log.exception("closing the database connections of a job failed")


def belongs_to_a_test() -> bool:
    """Whether a connection of the current thread is in the transaction of a test."""
    return any(map(_is_of_a_test, _connections()))


def _connections() -> list[Any]:
    """Return the connections that Django has made for the current thread."""
    conf = sys.modules.get("django.conf")
    database = sys.modules.get("django.db")
    if database is None or conf is None or not conf.settings.configured:
        return []
    connections: list[Any] = database.connections.all(initialized_only=True)
    return connections


def _is_of_a_test(connection: Any) -> bool:
    """Whether a ``TestCase`` of Django rolls back what happens on a connection."""
    blocks = getattr(connection, "atomic_blocks", ())
    return any(getattr(block, "_from_testcase", False) for block in blocks)
