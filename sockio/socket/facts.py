"""Facts: what is known of a socket and of its client.

What most applications never ask for is made when somebody does.
"""

from __future__ import annotations

from typing import Generic

from sockio.engine.http.request import Request
from sockio.engine.session import EngineSession
from sockio.types import Json, Room, SocketId

from .data import DataT, SocketData
from .handshake import Handshake
from .home import Home, Link

NO_ROOMS: frozenset[Room] = frozenset()


class Facts(Generic[DataT]):
    """The part of a socket that answers questions."""

    id: SocketId
    conn: EngineSession
    client: Link
    connected: bool
    _home: Home
    _auth: Json
    _handshake: Handshake | None
    _data: DataT | None
    _gone: str | None
    _last_rooms: frozenset[Room]

    @property
    def disconnected(self) -> bool:
        """The opposite of ``connected``."""
        return not self.connected

    @property
    def gone(self) -> bool:
        """Whether the socket has been disconnected or refused."""
        return self._gone is not None

    @property
    def rooms(self) -> frozenset[Room]:
        """The rooms it is in; in ``disconnecting`` listeners, those it was in."""
        if self._gone is not None:
            return self._last_rooms
        return self._home.adapter.socket_rooms(self.id) or NO_ROOMS

    @property
    def data(self) -> DataT:
        """Yours: ``socket.data.user = ...``; seen by ``fetch_sockets``."""
        if self._data is None:
            self._data = SocketData()  # type: ignore[assignment]
        return self._data  # type: ignore[return-value]

    @data.setter
    def data(self, value: DataT) -> None:
        self._data = value

    @property
    def handshake(self) -> Handshake:
        """What the server was told when the client connected, and its ``auth``."""
        if self._handshake is None:
            self._handshake = self.client.handshake(self._auth)
        return self._handshake

    @property
    def request(self) -> Request:
        """The request that opened the connection."""
        # None only where the application has made it so.
        return self.conn.request  # type: ignore[return-value]

    @property
    def buffered_amount(self) -> int:
        """Bytes (of text: characters) that wait for this client."""
        return self.conn.buffered_amount
