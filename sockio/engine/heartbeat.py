"""Heartbeat: who pings whom, and when to give up.

Engine.IO 4: the server pings, the client answers.
Spec: Engine.IO protocol v4, "Heartbeat".
"""

from __future__ import annotations

from collections.abc import Callable

from sockio.runtime.clock import Clock, Timer


class Heartbeat:
    """The one timer of a session: first for the next ping, then for its pong."""

    __slots__ = (
        "_clock",
        "_extended",
        "_interval",
        "_on_silence",
        "_send_ping",
        "_timeout",
        "_timer",
        "awaiting",
    )

    def __init__(
        self,
        clock: Clock,
        interval: float,
        timeout: float,
        *,
        send_ping: Callable[[], None],
        on_silence: Callable[[], None],
    ) -> None:
        """``interval`` and ``timeout`` are in seconds."""
        self._clock = clock
        self._interval = interval
        self._timeout = timeout
        self._send_ping = send_ping
        self._on_silence = on_silence
        self._timer: Timer | None = None
        self._extended = False
        #: A ping was sent and nothing has been heard since.
        self.awaiting = False

    def restart(self) -> None:
        """Ping again after the interval: at the start, after a pong or an upgrade."""
        self.awaiting = False
        self._arm(self._interval, self._ping)

    def stop(self) -> None:
        """No ping, no deadline from now on."""
        self.awaiting = False
        self._disarm()

    def on_traffic(self) -> None:
        """Another packet came while a pong is awaited: that extends the wait, once."""
        if self.awaiting and not self._extended:
            self._extended = True
            self._arm(self._timeout, self._give_up)

    def _ping(self) -> None:
        self.awaiting = True
        self._extended = False
        self._arm(self._timeout, self._give_up)
        self._send_ping()

    def _give_up(self) -> None:
        self.stop()
        self._on_silence()

    def _arm(self, seconds: float, fn: Callable[[], None]) -> None:
        self._disarm()
        self._timer = self._clock.call_later(seconds, fn)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
