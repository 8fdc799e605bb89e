"""Engine: an Engine.IO server on loopback, and what its sessions received."""

from __future__ import annotations

from typing import Any

import sockio
from sockio.engine.server import ConnectionErrorInfo
from sockio.testing import FakeClock

from .loopback import Kind, Loopback


class RunningEngine(Loopback):
    """A running Engine.IO server; time passes only by its ``clock``.

    It does not listen to events of sessions: it is their consumer and keeps what
    arrives, as Socket.IO is above a real engine.
    """

    def __init__(self, clock: FakeClock, kind: Kind = "sockio", **options: Any) -> None:
        self.clock = clock
        self._sessions: list[sockio.EngineSession] = []
        self._messages: list[str | bytes] = []
        self._closes: list[tuple[str, object]] = []
        #: What ``connection_error`` listeners were given.
        self.refusals: list[ConnectionErrorInfo] = []
        engine = sockio.EngineServer(clock=clock, **options)
        engine.on_session = self._on_session
        engine.on("connection_error", self.refusals.append)
        super().__init__(engine, kind)
        #: A client of this server.
        self.raw = self.client()

    @property
    def session(self) -> sockio.EngineSession:
        """The server's end of the session that was opened last."""
        return self._sessions[-1]

    @property
    def messages(self) -> list[str | bytes]:
        """The messages of all sessions, when everything sent has arrived."""
        self.clock.settle()
        return self._messages

    @property
    def closes(self) -> list[tuple[str, object]]:
        """Reason and description of each session that closed."""
        self.clock.settle()
        return self._closes

    def close(self) -> None:
        """Close everything; no timer may be armed after that.

        Blocks:
            Until the requests under way have ended.
        """
        super().close()
        self.clock.settle()
        assert not self.clock.armed, f"{self.clock.armed} timer(s) outlived the server"

    def _on_session(self, session: sockio.EngineSession) -> None:
        self._sessions.append(session)
        session.consumer = self

    # what a consumer must have

    def on_message(self, data: str | bytes) -> None:
        self._messages.append(data)

    def on_close(self, reason: str, description: object) -> None:
        self._closes.append((reason, description))
