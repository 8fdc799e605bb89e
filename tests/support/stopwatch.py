"""Stopwatch: a fake clock that can also run while no timer can fire."""

from __future__ import annotations

from collections.abc import Callable

import gevent

from sockio.testing import FakeClock


class Stopwatch(FakeClock):
    """Time passes by ``advance``, and by what is added to ``spent``."""

    #: Seconds for which a handler has computed, or the process stood still.
    spent = 0.0

    def now(self) -> float:
        return super().now() + self.spent

    def stand_still(self, seconds: float, meanwhile: Callable[[], object]) -> None:
        """Let time pass in which the loop does not run.

        Timers then fire late, and before anything is read that ``meanwhile`` has sent;
        the hub calls ``meanwhile``.

        Blocks:
            Until everything has run that can.
        """

        def stand() -> None:
            meanwhile()
            self._now += seconds
            while (timer := self._next_due(self._now)) is not None:
                timer.fire()

        gevent.get_hub().loop.run_callback(stand)
        gevent.idle(-1)
        self.settle()
