"""Quic served: a Socket.IO server that is reached over WebTransport too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import sockio

from .quic_client import QuicClient, RawSession
from .served import Heard, Served

CERTIFICATE = str(Path(__file__).parent / "localhost.pem")
ALL = ("polling", "websocket", "webtransport")


class QuicServed:
    """A server that is reached over WebTransport too, and its clients."""

    def __init__(self, served: Served, **limits: Any) -> None:
        self.served = served
        self.io = served.io
        self.closes = Heard()
        self.refusals = Heard()
        self.io.engine.on("connection", self._on_session)
        self.io.engine.on("connection_error", self.refusals)
        self.listening: Any = self.io.listen_webtransport(
            ("127.0.0.1", 0), CERTIFICATE, CERTIFICATE, **limits
        )
        self._clients: list[QuicClient] = []

    def _on_session(self, session: sockio.EngineSession) -> None:
        session.on("close", self.closes)

    def client(self, **options: Any) -> QuicClient:
        """Return a new QUIC connection, which ends with the test."""
        client = QuicClient(self.listening.address, **options)
        self._clients.append(client)
        return client

    def session(self) -> RawSession:
        """Return a new Engine.IO session, over a new connection."""
        session = self.client().open_session()
        session.handshake()
        return session

    def join(self) -> tuple[RawSession, sockio.Socket[Any]]:
        """Join the main namespace; return both ends."""
        session = self.session()
        session.send("40")
        assert str(session.receive().data).startswith("0{")
        return session, self.served.newest()

    def close(self) -> None:
        for client in self._clients:
            client.close()
