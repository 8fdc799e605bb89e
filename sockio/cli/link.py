"""Link: the connection of a client: polling, the upgrade, and a WebSocket."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from sockio.errors import ProtocolError
from sockio.protocol.client import Client
from sockio.protocol.engineio import v4
from sockio.protocol.engineio.packet import Packet as EnginePacket
from sockio.protocol.engineio.packet import PacketType as EngineType
from sockio.protocol.socketio import JsonParser, MsgpackParser
from sockio.protocol.socketio.packet import Packet

from .web import FAILURES, Answer, Place, WebConnection, target_of
from .websocket import WebSocket

__all__ = ["BROKEN", "Dialer", "Link"]

#: How a connection ends that has not been closed.
BROKEN = (*FAILURES, ProtocolError)
_PROBE, _PROBED = "2probe", "3probe"
_UPGRADE = EnginePacket(EngineType.UPGRADE)
_CLOSE = EnginePacket(EngineType.CLOSE)
_NOOP = EnginePacket(EngineType.NOOP)
#: More attachments than any packet has.
_ANY_NUMBER = 1 << 53


@dataclass(frozen=True, slots=True)
class Dialer:
    """How clients of one server connect."""

    place: Place
    #: That of the server, with a slash at its end.
    path: str
    #: "polling", "websocket" or both; the first one opens the connection.
    transports: Sequence[str]
    #: Whether the server's parser is that of MessagePack.
    msgpack: bool

    def client(self) -> tuple[Client, Link]:
        """Return a client, and its link, which is not open."""
        parser = MsgpackParser() if self.msgpack else None
        core = Client(parser or JsonParser(max_attachments=_ANY_NUMBER))
        return core, Link(self.place, self.path, core, self.transports)


class Link:
    """One connection; ``core`` says what goes out, and takes what comes in."""

    def __init__(
        self, place: Place, path: str, core: Client, transports: Sequence[str]
    ) -> None:
        """Make one that is not open.

        Args:
            place: Where the server is.
            path: That of the server.
            core: What the client knows.
            transports: "polling", "websocket" or both; the first one opens it.
        """
        self._place = place
        self._path = path
        self._core = core
        self._transports = transports
        self._sid: str | None = None
        #: Seconds after which a silent server has gone.
        self._patience = place.timeout
        #: Carries the WebSocket.
        self._connection: WebConnection | None = None
        self._websocket: WebSocket | None = None
        self._flushing = False
        #: Carry polls and POSTs; opened when they are needed.
        self._requests = {each: WebConnection(place) for each in ("GET", "POST")}
        #: Bytes of packets, without what HTTP, WebSockets and TLS put around them.
        self.bytes_in = self.bytes_out = 0

    @property
    def transport(self) -> str:
        """That of the moment."""
        return "polling" if self._websocket is None else "websocket"

    # ------------------------------------------------------------------ opening

    def open(self) -> None:
        """Open it, and upgrade it if that is possible.

        Raises:
            BROKEN: There is no server, or it refuses.

        Blocks:
            Until it is open.
        """
        self._core.begin()
        if self._transports[0] == "polling":
            for packet in _packets_of(self._request("GET")):
                self._core.receive(packet)
        else:
            self._take_up(self._dialed())
            self._core.receive(self._received(self._place.timeout))
        opened = self._core.opened
        if opened is None:
            raise ProtocolError("the server has not opened a session")
        self._sid = opened["sid"]
        try:
            milliseconds = opened["pingInterval"] + opened["pingTimeout"]
            self._patience = float(milliseconds) / 1000
            upgrades = list(opened["upgrades"])
        except (KeyError, TypeError, ValueError):
            raise ProtocolError("the open packet lacks fields") from None
        wanted = "websocket" in self._transports and "websocket" in upgrades
        if self._websocket is None and wanted:
            self._upgrade()

    def _upgrade(self) -> None:
        """Move to a WebSocket, if one can be had; nothing is being polled yet."""
        try:
            connection, websocket = self._dialed()
        except BROKEN:
            return
        try:
            websocket.send(_PROBE)
            answer = websocket.receive()
        except BROKEN:
            answer = ""
        if answer != _PROBED:
            connection.close()
            return
        self._take_up((connection, websocket))
        for each in self._requests.values():
            each.close()
        self._send([_UPGRADE])

    def _dialed(self) -> tuple[WebConnection, WebSocket]:
        connection = WebConnection(self._place)
        with ExitStack() as undo:
            undo.callback(connection.close)
            answer = connection.websocket(self._target("websocket"))
            if answer.status != 101:
                raise _refusal(answer)
            early = answer.body
            websocket = WebSocket(connection.sock, self._place.timeout, early)
            undo.pop_all()
        return connection, websocket

    def _take_up(self, dialed: tuple[WebConnection, WebSocket]) -> None:
        self._connection, self._websocket = dialed

    # ------------------------------------------------------------------ in and out

    def packets(self) -> Iterator[Packet]:
        """Yield what the server says, until it says that this is the end.

        Raises:
            BROKEN: The connection has ended, or the server keeps silent.

        Blocks:
            Until the next packet is there.
        """
        while not self._core.closed:
            if self._websocket is not None:
                received = [self._received(self._patience)]
            else:
                received = _packets_of(self._request("GET", timeout=self._patience))
            for packet in received:
                whole = self._core.receive(packet)
                if whole is not None:
                    yield whole
            self.flush()

    def flush(self) -> None:
        """Send what the core has to send, in order.

        Raises:
            BROKEN: The connection has ended.

        Blocks:
            Until it is sent; or not at all, if another greenlet is sending, which then
            sends this too.
        """
        if self._flushing:
            return
        self._flushing = True
        try:
            while packets := self._core.take():
                self._send(packets)
        finally:
            self._flushing = False

    def ping(self, answered: Callable[[], object]) -> None:
        """Ask for a sign of life: by a ping of WebSocket, or by a POST without meaning.

        Args:
            answered: Called when it comes; with a WebSocket, while ``packets`` reads.

        Raises:
            BROKEN: The connection has ended.

        Blocks:
            Until it is sent; when polling, until it is answered.
        """
        if self._websocket is not None:
            self._websocket.ping(answered)
        else:
            self._send([_NOOP])
            answered()

    def close(self) -> None:
        """Say that this is the end, and end the connection.

        Blocks:
            Until it is said.
        """
        try:
            self.flush()
            if self._websocket is not None:
                self._websocket.close()
            elif self._sid is not None and not self._core.closed:
                self._send([_CLOSE])
        except BROKEN:
            pass  # it has ended already
        finally:
            for connection in (self._connection, *self._requests.values()):
                if connection is not None:
                    connection.close()

    def _received(self, timeout: float) -> EnginePacket:
        assert self._websocket is not None
        message = self._websocket.receive(timeout)
        self.bytes_in += _size(message)
        return v4.decode_packet(message)

    def _send(self, packets: list[EnginePacket]) -> None:
        if self._websocket is None:
            self._request("POST", v4.encode_payload(packets).encode())
            return
        for packet in packets:
            message = v4.encode_packet(packet, binary=True)
            self._websocket.send(message)
            self.bytes_out += _size(message)

    def _request(
        self, method: str, body: bytes | None = None, timeout: float | None = None
    ) -> bytes:
        """Make a request of polling; return the answer."""
        connection = self._requests[method]
        target = self._target("polling")
        answer = connection.request(method, target, body, timeout=timeout)
        self.bytes_out += len(body or b"")
        self.bytes_in += len(answer.body)
        if answer.status != 200:
            raise _refusal(answer)
        return answer.body

    def _target(self, transport: str) -> str:
        query: dict[str, Any] = {"EIO": v4.PROTOCOL, "transport": transport}
        if self._sid is not None:
            query["sid"] = self._sid
        return target_of(self._path, **query)


def _size(message: str | bytes) -> int:
    return len(message.encode() if isinstance(message, str) else message)


def _packets_of(body: bytes) -> list[EnginePacket]:
    try:
        return list(v4.decode_payload(body.decode()))
    except UnicodeDecodeError:
        raise ProtocolError("the answer is no text") from None


def _refusal(answer: Answer) -> ConnectionError:
    """Return what a status means, with the words of the server if there are some."""
    try:
        told = f": {json.loads(answer.body)['message']}"
    except (ValueError, KeyError, TypeError):
        told = ""
    return ConnectionError(f"the server answers with status {answer.status}{told}")
