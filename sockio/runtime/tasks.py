"""Tasks: spawn(fn, name=) makes a greenlet whose crash is logged.

For the library's own long-lived work (buses, drains) and ``server.spawn``. Events do
not come here: a new greenlet costs more than most handlers; they run in ``workers``.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import CancelledError
from contextvars import copy_context
from typing import Any, Generic, TypeVar, cast

from gevent import Greenlet, GreenletExit, get_hub

from . import logs
from .bell import BELL
from .clock import Clock
from .failures import shown
from .latch import Latch
from .leftovers import close_connections

log = logs.get("runtime.tasks")

R = TypeVar("R")

# State of the module, because a leak check asks about the process and not about a
# server. It also keeps tasks alive that nobody else holds.
_live: set[Task[Any]] = set()


def spawn(
    fn: Callable[..., R],
    *args: Any,
    name: str | None = None,
    clock: Clock | None = None,
) -> Task[R]:
    """Run ``fn(*args)`` in a greenlet of its own, in a copy of the caller's context.

    Args:
        fn: What to run; an exception it raises is logged with its traceback.
        args: Its arguments.
        name: What the log calls it; the function's name if not given.
        clock: Decides about the timeouts of ``Task.wait``.
    """
    if name is None:
        name = str(getattr(fn, "__qualname__", fn))
    return Task(fn, args, name, clock)


def live_tasks() -> list[Task[Any]]:
    """Return the tasks that have not ended."""
    return list(_live)


class Task(Generic[R]):
    """A greenlet made by ``spawn``."""

    __slots__ = ("_args", "_context", "_fn", "_greenlet", "_outcome", "name")

    def __init__(
        self,
        fn: Callable[..., R],
        args: tuple[Any, ...],
        name: str,
        clock: Clock | None = None,
    ) -> None:
        #: What the log calls it.
        self.name = name
        self._fn = fn
        self._args = args
        self._context = copy_context()
        self._outcome: Latch[R] = Latch(clock if clock is not None else Clock())
        self._greenlet = Greenlet(self._run)
        # gevent calls this even if the greenlet is killed before it runs.
        self._greenlet.rawlink(self._ended)
        _live.add(self)
        self._greenlet.start()

    def __repr__(self) -> str:
        return f"<Task {self.name}{' done' if self.done else ''}>"

    @property
    def done(self) -> bool:
        """Whether it returned, raised or was killed."""
        return self._outcome.ready

    def wait(self, timeout: float | None = None) -> R:
        """Return what the function returned, or raise what it raised.

        Raises:
            TimeoutError: It has not ended after ``timeout`` seconds.
            concurrent.futures.CancelledError: It was killed.

        Blocks:
            Until the task ends or the time is up.
        """
        return self._outcome.wait(timeout)

    def kill(self, block: bool = False) -> None:
        """End it where it waits, by ``GreenletExit``; does nothing when it is done.

        Blocks:
            Until it has ended, with ``block=True``.
        """
        self._greenlet.kill(block=block)

    def _run(self) -> None:
        if BELL.armed:
            BELL.ring()
        try:
            self._outcome.set(self._context.run(self._fn, *self._args))
        except (GreenletExit, KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:
            # A boundary: nobody is above a task, and nobody may be waiting for it.
            # A gevent.Timeout that was not caught is a crash too, hence BaseException.
            log.error("task %s crashed", self.name, exc_info=shown(error))
            self._outcome.fail(error)
        finally:
            close_connections()

    def _ended(self, greenlet: object) -> None:
        _live.discard(self)
        self._outcome.fail(CancelledError(f"{self.name} was killed"))


def in_thread(fn: Callable[..., R], *args: Any, **kwargs: Any) -> R:
    """Run ``fn`` in a native thread of gevent's pool and return what it returns.

    Blocks:
        Until it has returned; other greenlets continue.
    """

    def call() -> tuple[R | None, BaseException | None]:
        # If a job raised, gevent would print the error, although the caller gets it.
        try:
            return fn(*args, **kwargs), None
        except BaseException as error:
            return None, error
        finally:
            close_connections(native=True)

    result, error = get_hub().threadpool.apply(call)
    if error is not None:
        raise error
    return cast(R, result)
