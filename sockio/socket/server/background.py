"""Background: the work that a server does beside its handlers."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, ParamSpec, TypeVar

from sockio.errors import ConfigError
from sockio.runtime import logs, tasks
from sockio.runtime.deferred import REMEDY, deferring
from sockio.runtime.failures import shown, who
from sockio.runtime.leftovers import close_connections
from sockio.runtime.reactor import Reactor
from sockio.runtime.tasks import Task
from sockio.runtime.workers import FAILURES

log = logs.get("server")

_FAILED = "the repeated task %s failed"

P = ParamSpec("P")
R = TypeVar("R")
F = TypeVar("F", bound=Callable[[], object])


class Background:
    """The tasks of one server; those that repeat run from its start to its close."""

    def __init__(
        self, reactor: Reactor, compete: Callable[[str], Callable[[], bool]]
    ) -> None:
        """Have no tasks yet.

        Args:
            reactor: The server's.
            compete: Competes with other servers for a name, and returns what tells
                whether this server holds it.
        """
        self._reactor = reactor
        self._compete = compete
        #: The functions to repeat, each after its interval in seconds, and whether one
        #: server of all runs it.
        self._repeated: list[tuple[float, Callable[[], object], bool]] = []
        #: The tasks that repeat them.
        self._tasks: list[Task[Any]] = []

    def start(self) -> None:
        """Start the repeated tasks: the server has a hub now."""
        for repeated in self._repeated:
            self._repeat(*repeated)

    def close(self) -> None:
        """Stop the repeated tasks."""
        repeating, self._tasks = self._tasks, []
        for task in repeating:
            task.kill()

    def spawn(self, fn: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> Task[R]:
        """Run ``fn`` in a greenlet of its own; a failure is logged."""
        _check_plain("spawn", fn)
        name = getattr(fn, "__qualname__", None)
        call = self._reactor.around.call
        return tasks.spawn(
            lambda: call("task", fn, args, kwargs),
            name=name,
            clock=self._reactor.clock,
        )

    def every(self, seconds: float, *, singleton: bool) -> Callable[[F], F]:
        """Decorator: run a function every ``seconds``."""
        if type(seconds) not in (int, float) or not seconds > 0:
            raise ConfigError(f"every({seconds!r}): give a number of seconds above 0")

        def register(fn: F) -> F:
            _check_plain("every", fn)
            if self._reactor.started:
                self._repeat(seconds, fn, singleton)
            self._repeated.append((seconds, fn, singleton))
            return fn

        return register

    def _repeat(
        self, seconds: float, fn: Callable[[], object], singleton: bool
    ) -> None:
        is_ours = self._compete(_name_of(fn)) if singleton else _always

        def loop() -> None:
            while True:
                self.sleep(seconds)
                if not is_ours():
                    continue
                try:
                    self._reactor.around.call("every", fn, ())
                except FAILURES as exc:
                    # A boundary: the function is user code, and runs again.
                    log.error(_FAILED, who(fn, exc), exc_info=shown(exc))
                finally:
                    close_connections()

        name = getattr(fn, "__qualname__", None)
        self._tasks.append(tasks.spawn(loop, name=name))

    def sleep(self, seconds: float = 0) -> None:
        """Let other greenlets run for at least ``seconds``.

        Blocks:
            For that long.
        """
        latch = self._reactor.latch()
        self._reactor.clock.call_later(seconds, latch.set, None)
        latch.wait()

    def run_in_thread(self, fn: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run blocking or computing code in a native thread and return its result.

        Blocks:
            Until it has returned; other greenlets continue.
        """
        _check_plain("run_in_thread", fn)
        return tasks.in_thread(fn, *args, **kwargs)


def _always() -> bool:
    return True


def _name_of(fn: Any) -> str:
    """Return the name by which all servers know a function."""
    while isinstance(fn, partial):
        fn = fn.func
    module, name = getattr(fn, "__module__", None), getattr(fn, "__qualname__", None)
    if not module or not name:
        raise ConfigError(
            f"every({fn!r}, singleton=True): give a function that has a name, which "
            "all servers know it by"
        )
    return f"{module}.{name}"


def _check_plain(call: str, fn: object) -> None:
    """Refuse a function that a greenlet could not run."""
    if not callable(fn):
        raise ConfigError(f"{call}({fn!r}): give a plain function, not its result")
    wrong = deferring(fn)
    if wrong is not None:
        raise ConfigError(f"{call}({fn!r}): it {wrong}; {REMEDY}")
