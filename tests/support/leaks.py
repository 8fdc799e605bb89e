"""Leaks: what a test left behind in the hub, in the file table and in our tasks."""

from __future__ import annotations

import gc
import os
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import gevent

from sockio.runtime.tasks import live_tasks

#: Seconds that sockets have to close, and greenlets to end, after a test.
PATIENCE = 30.0
_DESCRIPTORS = Path("/proc/self/fd")


@dataclass(frozen=True)
class Snapshot:
    """What is alive at one moment.

    Attributes:
        watchers: How many timers are armed and descriptors watched in this hub.
        sockets: Open sockets of this process, by the kernel's name for them.
        tasks: Our background tasks that run, by identity.
    """

    watchers: int
    sockets: frozenset[str]
    tasks: frozenset[int]

    @classmethod
    def take(cls) -> Snapshot:
        """Look now."""
        return cls(
            watchers=gevent.get_hub().loop.activecnt,
            sockets=_open_sockets(),
            tasks=frozenset(map(id, live_tasks())),
        )

    def leaks(self) -> list[str]:
        """Say what is alive now that was not alive at this snapshot.

        Blocks:
            Until there is nothing, at most ``PATIENCE``.
        """
        deadline = time.monotonic() + PATIENCE
        while now := self._more_than_before():
            if time.monotonic() > deadline:
                return self._describe(now)
            gevent.sleep(0.002)
        return []

    def _more_than_before(self) -> Snapshot | None:
        """Look now; return nothing if nothing is alive that was not."""
        now = Snapshot.take()
        none_new = now.sockets <= self.sockets and now.tasks <= self.tasks
        return None if none_new and now.watchers <= self.watchers else now

    def _describe(self, now: Snapshot) -> list[str]:
        found = [f"open socket {name}" for name in now.sockets - self.sockets]
        found += [repr(task) for task in live_tasks() if id(task) not in self.tasks]
        if now.watchers > self.watchers:
            count = now.watchers - self.watchers
            found.append(f"{count} timer(s) or watcher(s), see {_active_watchers()}")
        return found


def ours() -> Counter[str]:
    """Objects of the library that are alive, by type."""
    names = (f"{type(o).__module__}.{type(o).__name__}" for o in gc.get_objects())
    return Counter(name for name in names if name.startswith("sockio."))


@contextmanager
def nothing_to_collect(package: str = "sockio") -> Iterator[None]:
    """Check that objects of ours that the block made go when nobody refers to them.

    Python's garbage collector does not run meanwhile: objects in a cycle would stay.

    Args:
        package: The package whose objects are checked.
    """
    gc.collect()
    gc.disable()
    try:
        before = ours()
        yield
        made = ours() - before
        left = {name: n for name, n in made.items() if name.startswith(f"{package}.")}
        assert not left, f"waits for the garbage collector: {left}"
    finally:
        gc.enable()


def _open_sockets() -> frozenset[str]:
    names = set()
    for descriptor in os.listdir(_DESCRIPTORS) if _DESCRIPTORS.exists() else ():
        try:
            name = os.readlink(_DESCRIPTORS / descriptor)
        except OSError:  # the descriptor of the listing itself
            continue
        if name.startswith("socket:"):
            names.add(name)
    return frozenset(names)


def _active_watchers() -> list[object]:
    """Return what the active watchers call; for our timers, what these call."""
    callbacks = [
        getattr(thing, "callback", thing)
        for thing in gc.get_objects()
        if str(type(thing).__module__).startswith("gevent.lib")
        and getattr(thing, "active", False)
    ]
    return [
        getattr(getattr(callback, "__self__", None), "_fn", callback)
        for callback in callbacks
    ]
