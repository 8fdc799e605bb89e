"""Service manager: what systemd wants to hear of a process (sd_notify, watchdog)."""

from __future__ import annotations

import os
import socket
from _socket import socket as PlainSocket
from collections.abc import MutableMapping

from . import logs
from .clock import Clock, Timer

__all__ = ["BEATS", "Beat", "ServiceManager"]

log = logs.get("server")

#: Signs of life in the time after which a process without any is restarted.
BEATS = 3
#: Never more often than that, in seconds.
SHORTEST = 0.01


class ServiceManager:
    """Tells the service manager that started this process how it is.

    If nobody has, nothing is told. The variables of the environment are removed, so
    that programs which this one starts do not speak for it.
    """

    def __init__(self, environ: MutableMapping[str, str] = os.environ) -> None:
        self._address = _address(environ.pop("NOTIFY_SOCKET", ""))
        microseconds = environ.pop("WATCHDOG_USEC", "")
        watched = environ.pop("WATCHDOG_PID", "") or str(os.getpid())
        #: Whether the last telling has failed, which is said once.
        self._failing = False
        #: Seconds without a sign of life after which this process is restarted; None:
        #: nobody restarts it.
        self.patience: float | None = None
        if self._address is not None and watched == str(os.getpid()):
            self.patience = _seconds(microseconds)

    @property
    def listens(self) -> bool:
        """Whether there is somebody to be told."""
        return self._address is not None

    @property
    def pause(self) -> float | None:
        """Seconds between two signs of life; None: nobody wants any."""
        if self.patience is None:
            return None
        return max(self.patience / BEATS, SHORTEST)

    def ready(self, status: str) -> None:
        """Say that the service serves, and ``status``: a line for people."""
        self._tell("READY=1", f"STATUS={status}")

    def reloading(self) -> None:
        """Say that the service is made anew; ``ready`` ends it."""
        now = int(Clock.now() * 1e6)
        self._tell("RELOADING=1", f"MONOTONIC_USEC={now}", "STATUS=starts new workers")

    def stopping(self) -> None:
        """Say that the service ends."""
        self._tell("STOPPING=1", "STATUS=disconnects its clients, and ends")

    def alive(self) -> None:
        """Give a sign of life."""
        self._tell("WATCHDOG=1")

    def _tell(self, *lines: str) -> None:
        if self._address is None:
            return
        sock = PlainSocket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            sock.setblocking(False)
            sock.sendto("\n".join(lines).encode(), self._address)
            self._failing = False
        except OSError as exc:
            if not self._failing:
                log.warning("the service manager was not told %r: %s", lines[0], exc)
            self._failing = True
        finally:
            sock.close()


class Beat:
    """Signs of life that come from the loop: if it is held, they stop."""

    def __init__(self, manager: ServiceManager, clock: Clock) -> None:
        """Give the first sign at once, if any are wanted."""
        self._manager = manager
        self._clock = clock
        self._timer: Timer | None = None
        self._again()

    def _again(self) -> None:
        pause = self._manager.pause
        if pause is not None:
            self._manager.alive()
            self._timer = self._clock.call_later(pause, self._again)

    def close(self) -> None:
        """Give no more signs."""
        if self._timer is not None:
            self._timer.cancel()


def _address(name: str) -> str | None:
    """Return where to send datagrams; an abstract name begins with ``@``."""
    if not name:
        return None
    if name[0] not in "/@" or len(name) < 2 or not hasattr(socket, "AF_UNIX"):
        log.warning("NOTIFY_SOCKET is no path and no abstract name: %r", name)
        return None
    return "\0" + name[1:] if name[0] == "@" else name


def _seconds(microseconds: str) -> float | None:
    if not microseconds:
        return None
    text = microseconds[:20]
    if not (text.isascii() and text.isdigit() and int(text)):
        log.warning("WATCHDOG_USEC is no number of microseconds: %r", text)
        return None
    return int(text) / 1e6
