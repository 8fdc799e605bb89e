"""Form client: a raw client that writes its requests as a certain client does."""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .http_wire import TIMEOUT, Answer, HttpConnection
from .raw_client import RawClient, handshake_fields
from .raw_websocket import RawWebSocket


@dataclass(frozen=True)
class Form:
    """How a client writes its requests, by its source.

    Attributes:
        name: The client, and its version.
        polling: The target of the request that opens a session by polling.
        websocket: The target of a WebSocket.
        later: What follows the session's id in the target of a poll or a POST.
        get: The headers of a GET.
        get_body: The body of a GET.
        post: The headers of a POST.
        handshake: The headers of a WebSocket, beside those that RFC 6455 asks for.
        protocol: The revision of Engine.IO that it speaks.
    """

    name: str
    polling: str = "/socket.io/?EIO=4&transport=polling"
    websocket: str = "/socket.io/?EIO=4&transport=websocket"
    later: str = ""
    get: Mapping[str, str] = field(default_factory=dict)
    get_body: str | None = None
    post: Mapping[str, str] = field(default_factory=dict)
    handshake: Mapping[str, str] = field(default_factory=dict)
    protocol: int = 4

    def __str__(self) -> str:
        return self.name


class FormClient:
    """A client with one session; the connections belong to the raw client."""

    def __init__(self, raw: RawClient, form: Form) -> None:
        self._raw = raw
        self._form = form
        #: The connection for its GETs.
        self.polls = raw.http()
        self._posts: HttpConnection | None = None
        self._packets: deque[str | bytes] = deque()
        #: The session's id; None before it is open.
        self.sid: str | None = None

    def open(self) -> dict[str, Any]:
        """Open a session by polling; return the handshake's fields.

        Blocks:
            Until it is answered.
        """
        self.start_poll()
        fields = handshake_fields(self.receive())
        self.sid = fields["sid"]
        return fields

    def start_poll(self) -> None:
        """Send a GET; ``receive`` returns what it is answered with."""
        self.polls.send("GET", self.target, self._form.get_body, dict(self._form.get))

    def receive(self) -> str | bytes:
        """Return the next packet that came by the GET that was sent last.

        Blocks:
            Until it is answered.
        """
        if not self._packets:
            answer = self.polls.receive()
            assert answer.status == 200, answer
            three = self._form.protocol == 3
            self._packets += _packets_of_3(answer) if three else answer.packets
        return self._packets.popleft()

    def poll(self) -> str | bytes:
        """Return the next packet; send a GET if none is waiting.

        Blocks:
            Until there is one.
        """
        if not self._packets:
            self.start_poll()
        return self.receive()

    def post(self, body: str | bytes, **headers: str) -> None:
        """Send packets by a POST that must be accepted.

        Args:
            headers: Beside those of the form; "_" stands for "-".

        Blocks:
            Until it is answered.
        """
        self._posts = self._posts or self._raw.http()
        more = {name.replace("_", "-"): value for name, value in headers.items()}
        fields = {**self._form.post, **more}
        answer = self._posts.request("POST", self.target, body, fields)
        assert (answer.status, answer.text) == (200, "ok")

    def start_post(self, size: int, **headers: str) -> HttpConnection:
        """Send the head of a POST; return its connection, for the body.

        Args:
            size: Of the body, in bytes.
            headers: Beside those of the form.
        """
        connection = self._raw.http()
        length = {"Content-Length": str(size)}
        fields = {**self._form.post, **length, **headers}
        connection.send("POST", self.target, None, fields)
        return connection

    def post_when_asked_to(self, body: str) -> None:
        """Send the head of a POST, and its body when the server asks for that.

        Blocks:
            Until it is answered.
        """
        connection = self.start_post(len(body), Expect="100-continue")
        deadline = time.monotonic() + TIMEOUT
        asked = connection.wire.take_until(b"\r\n\r\n", deadline)
        assert asked.startswith(b"HTTP/1.1 100 "), asked
        connection.wire.send(body.encode())
        assert connection.receive().text == "ok"

    def websocket(self, connection: HttpConnection | None = None) -> RawWebSocket:
        """Open a WebSocket, for the session if there is one.

        Blocks:
            Until it is answered.
        """
        connection = connection or self._raw.http()
        target = self._with_sid(self._form.websocket)
        return RawWebSocket(connection, target, dict(self._form.handshake))

    def probe(self) -> RawWebSocket:
        """Open a WebSocket for this session, beside a poll, and probe it.

        Blocks:
            Until the probe and the poll are answered.
        """
        self.start_poll()
        websocket = self.websocket()
        websocket.send("2probe")
        assert websocket.receive() == "3probe"
        assert self.receive() == "6"
        return websocket

    def open_websocket(self) -> RawWebSocket:
        """Open a session on a WebSocket.

        Blocks:
            Until the open packet has come.
        """
        websocket = self.websocket()
        handshake_fields(websocket.receive())
        return websocket

    def extensions(self) -> str:
        """Ask for a WebSocket; return the extensions that the server agrees to.

        What follows the answer may be compressed, and is not read.

        Blocks:
            Until it is answered.
        """
        upgrade = {
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
            "Sec-WebSocket-Version": "13",
        }
        answer = self._raw.http().request(
            "GET", self._form.websocket, headers=upgrade | dict(self._form.handshake)
        )
        assert answer.status == 101, answer
        return answer.headers["sec-websocket-extensions"]

    @property
    def target(self) -> str:
        """The target of a poll or a POST."""
        later = "" if self.sid is None else self._form.later
        return self._with_sid(self._form.polling) + later

    def _with_sid(self, target: str) -> str:
        return target if self.sid is None else f"{target}&sid={self.sid}"


def packet(message: str | bytes) -> tuple[str, Any]:
    """Return what precedes the JSON of a packet, and its value; None without."""
    assert isinstance(message, str), message
    begins = [at for at in (message.find("["), message.find("{")) if at >= 0]
    if not begins:
        return message, None
    head, text = message[: min(begins)], message[min(begins) :]
    return head, json.loads(text)


def _packets_of_3(answer: Answer) -> list[str | bytes]:
    """Return the packets of a payload of protocol 3: text, or text and bytes."""
    packets: list[str | bytes] = []
    if answer.headers["content-type"] != "application/octet-stream":
        text = answer.text
        while text:
            size, _, rest = text.partition(":")
            packets.append(rest[: int(size)])
            text = rest[int(size) :]
        return packets
    data = answer.body
    while data:
        digits, _, payload = data[1:].partition(b"\xff")
        length = int("".join(map(str, digits)))
        found = payload[:length]
        packets.append(found if data[0] == 1 else found.decode())
        data = payload[length:]
    return packets
