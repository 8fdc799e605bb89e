"""Reactor: the clock, the workers and the batch of one server, in its one hub.

The server makes it without touching a hub, and attaches it to a hub when it starts.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gevent import Timeout, getcurrent, idle

from sockio.errors import ConfigError, NotSupported

from .batch import Batch
from .clock import Clock, Timer
from .delays import Delays
from .latch import Latch
from .lull import Deadline, Lull
from .mailbox import Mailbox
from .meter import Meter
from .observers import Observers
from .repeats import Repeats
from .surroundings import Surroundings
from .workers import Workers


class Reactor:
    """What all sessions, sockets and adapters of one server share to run things."""

    __slots__ = (
        "around",
        "batch",
        "clock",
        "delays",
        "meter",
        "observers",
        "repeats",
        "workers",
    )

    def __init__(self, clock: Clock | None = None) -> None:
        if clock is not None and not isinstance(clock, Clock):
            raise ConfigError(
                f"clock={clock!r}: give sockio.testing.FakeClock(), or None"
            )
        self.clock = clock if clock is not None else Clock()
        #: For the timers that each client has.
        self.delays = Delays(self.clock)
        #: What runs around each call of the application's code.
        self.around = Surroundings()
        #: Who watches what happens.
        self.observers = Observers(self.around)
        #: Counts packets and events; None: nobody wants to know.
        self.meter: Meter | None = None
        self.workers = Workers()
        #: Counts the lines that clients cause again and again.
        self.repeats = Repeats(self.clock, self.workers)
        self.batch = Batch(self.workers, self.clock)

    @property
    def started(self) -> bool:
        """Whether the server has a hub already."""
        return self.workers.hub is not None

    def start(self) -> None:
        """Attach to the current hub; only the first call does anything."""
        self.workers.attach()

    @property
    def in_hub(self) -> bool:
        """Whether the caller is the hub itself, which must never block."""
        return getcurrent() is self.workers.hub

    @property
    def in_root(self) -> bool:
        """Whether the caller is its thread's first greenlet, which no hub started."""
        return getcurrent().parent is None

    def may_block(self, call: str) -> None:
        """Check that the caller is a greenlet of this server's thread, and may wait.

        Raises:
            NotSupported: The caller runs in another native thread.
        """
        if self.workers.elsewhere:
            raise NotSupported(
                f"{call} waits for something, which only greenlets of the server's own "
                "thread can do; from a native thread use emit(..., ack=callback)"
            )

    def mailbox(self, handle: Callable[[Any], object]) -> Mailbox:
        """Return a new mailbox whose items are given to ``handle``."""
        return Mailbox(self.batch, handle)

    def latch(self) -> Latch[Any]:
        """Return a new latch whose deadlines come from this reactor's clock."""
        return Latch(self.clock)

    def in_lull(self, fn: Callable[[], object]) -> Timer:
        """Call ``fn`` in the hub once all that has arrived is read; see ``Lull``."""
        return Lull(self.workers, self.delays, fn)

    def deadline(self, seconds: float, fn: Callable[[], object]) -> Timer:
        """Wait for ``seconds``, then call ``fn`` as ``in_lull`` does."""
        return Deadline(self.workers, self.delays, seconds, fn)

    def next_pass(self, fn: Callable[[], object]) -> None:
        """Call ``fn`` in the hub in the next pass of the loop; it must not block."""
        self.workers.next_pass(fn)

    def in_order(self, fn: Callable[..., object], *args: Any) -> None:
        """Call ``fn``, which must not block, in the thread of this server.

        A caller in that thread makes the call immediately. The calls of other native
        threads are made in the hub, in the order in which they ask for them.
        """
        if self.workers.elsewhere:
            self.workers.call_in_hub(fn, *args)
        else:
            fn(*args)

    def to_hub(self, fn: Callable[..., object], *args: Any) -> None:
        """Have the hub call ``fn``, which must not block, in the order of these calls.

        Safe from any greenlet and native thread.
        """
        if self.workers.elsewhere:
            self.workers.call_in_hub(fn, *args)
        else:
            self.workers.loop.run_callback(fn, *args)

    def soon(self, fn: Callable[..., object], *args: Any) -> None:
        """Call ``fn`` in the hub, as soon as the loop runs; it must not block."""
        self.workers.loop.run_callback(fn, *args)

    def settle(self, seconds: float = 1.0) -> None:
        """Let all other greenlets run until each of them waits or has ended.

        Args:
            seconds: How long that may take: some greenlets may never wait.

        Blocks:
            Until then.
        """
        with Timeout(seconds, False):
            idle()
