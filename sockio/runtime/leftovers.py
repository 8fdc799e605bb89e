"""Leftovers: what a job left in thread-locals is gone before the next one begins.

In a process that gevent has patched a "thread" of the standard library is a greenlet,
and ours run the jobs of many clients. gevent keeps what belongs to such a thread as
long as its greenlet lives, and asks the greenlet to tell when that ends. A ``Worker``
tells so at the end of each job: for thread-locals it is a new thread each time.
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

__all__ = ["Worker", "close_connections"]

log = logs.get("runtime.leftovers")

#: How often in a row destructors may leave something anew; the next job's end sees to
#: the rest. POSIX has the same for threads, with 4 as the least.
_ROUNDS = 8


class Worker(greenlet):  # type: ignore[misc]
    """A greenlet that runs jobs, and has links as gevent's own greenlets do.

    All that a job may leave behind is in its ``__dict__``, which is empty unless one
    did: the keys of thread-locals, the links, and what was set on the greenlet itself.
    """

    def rawlink(self, callback: Callable[[Any], object]) -> None:
        """Call ``callback(self)`` at the end of the job."""
        self.__dict__.setdefault("links", []).append(callback)

    def unlink(self, callback: Callable[[Any], object]) -> None:
        """Do not call it."""
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

    Django leaves that to whoever ends a request. They are part of reference cycles, so
    to drop them is not enough.

    Args:
        native: The caller is a native thread's only job, not a greenlet. In a process
            that is not patched all greenlets of a thread share its connections, and
            another one may be using them.

    Blocks:
        As long as closing does.
    """
    conf = sys.modules.get("django.conf")
    database = sys.modules.get("django.db")
    if database is None or conf is None or not conf.settings.configured:
        return
    if not native and not is_object_patched("threading", "local"):
        return
    try:
        database.connections.close_all()
    except (Exception, Timeout):
        # A boundary: database drivers are code of others, and the next job must run.
        log.exception("closing the database connections of a job failed")
