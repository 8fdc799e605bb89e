"""Tasks: what start_background_task returns."""

from __future__ import annotations

from concurrent.futures import CancelledError
from contextlib import suppress
from typing import Any

from sockio.runtime.tasks import Task
from sockio.runtime.workers import FAILURES

__all__ = ["BackgroundTask"]


class BackgroundTask:
    """A function that runs in a greenlet of its own."""

    def __init__(self, task: Task[Any]) -> None:
        #: Our own object for it.
        self.task = task

    def join(self, timeout: float | None = None) -> None:
        """Wait for its end, at most ``timeout`` seconds; its failure is logged.

        Blocks:
            Until then.
        """
        with suppress(CancelledError, *FAILURES):
            self.task.wait(timeout)

    def is_alive(self) -> bool:
        """Whether it has not ended."""
        return not self.task.done

    def kill(self) -> None:
        """End it where it waits."""
        self.task.kill()
