"""Conversation: what one raw script says to one server, and what it sees."""

from __future__ import annotations

import base64
import re
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any, NamedTuple

import gevent

from sockio.protocol.websocket.frames import frame
from tests.support.http_wire import TIMEOUT, Answer, ConnectionEnded, HttpConnection
from tests.support.peers import Peer
from tests.support.raw_client import PollingSession, RawClient
from tests.support.raw_websocket import (
    ABNORMAL,
    NO_CODE,
    BrokenFrames,
    Closed,
    RawWebSocket,
    Refused,
)

#: What depends on the HTTP server, on the moment, or on how a body is sent.
IGNORED_HEADERS = {
    "connection",
    "content-length",
    "date",
    "keep-alive",
    "sec-websocket-accept",
    "server",
    "transfer-encoding",
}
#: Ids, which are anybody's choice.
_IDS = re.compile(r'((?:sid|pid)\\?":\\?")[\w-]{10,}')
_QUESTION = re.compile(r'(4(?:2|5\d-)(?:/[^,]*,)?)(\d+)(\["question".*)', re.DOTALL)
_COOKIE = re.compile(r"=[\w-]{20}(?=;|$)")
#: A namespace that no server has, and its refusal: what was sent before has been read.
ASKED, REFUSED = "40/nowhere,", "44/nowhere,"
#: An event, and what it brings: what was sent before has been handled.
#: Belongs to no script, but to what is sent behind it.
MARKS = "40/dynamic-99"
EVENT, BROUGHT = '42["mark"]', '42["other","mark"]'
MASK = b"mask"


class Conversation:
    """One client of one server.

    All that blocks raises TimeoutError if the server is silent for too long.

    Args:
        patience: Seconds that the server gets for each answer.
    """

    def __init__(self, peer: Peer, protocol: int = 4, patience: float = TIMEOUT):
        self.peer = peer
        self.client = RawClient(peer.url, "/socket.io/", protocol)
        self.patience = patience
        #: What is compared.
        self.seen: list[Any] = []
        #: The ids of the questions that the server has asked.
        self._asked: list[str] = []

    def see(self, *things: Any) -> None:
        """Note what has come."""
        for thing in things:
            if isinstance(thing, str) and (question := _QUESTION.match(thing)):
                self._asked.append(question[2])
                thing = f"{question[1]}<{len(self._asked) - 1}>{question[3]}"
            if not str(thing).startswith(MARKS):
                self.seen.append(plain(thing))

    def answered(self, message: str | bytes) -> str | bytes:
        """Put the ids of questions into a message."""
        if isinstance(message, bytes):
            return message
        return re.sub("<([0-9])>", lambda found: self._asked[int(found[1])], message)

    def close(self) -> None:
        """Close all connections."""
        self.client.close()

    # ------------------------------------------------------------------------- HTTP

    def ask(
        self,
        target: str,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        body: str | bytes | None = None,
    ) -> Answer | None:
        """Send a request on a connection of its own; see the answer.

        Blocks:
            Until it comes.
        """
        connection = self.client.http()
        connection.send(method, target, body, dict(headers or {}))
        answer = self.answer(connection)
        connection.close()
        return answer

    def answer(self, connection: HttpConnection) -> Answer | None:
        """See the answer to a request.

        Blocks:
            Until it comes.
        """
        try:
            answer = connection.receive(self.patience)
        except ConnectionEnded:
            self.see("the connection ends")
            return None
        self.see(shown(answer))
        return answer

    def post(self, session: PollingSession, frames: Iterable[str | bytes]) -> None:
        """Post packets together; see the answer unless it is the usual one.

        Blocks:
            Until it comes.
        """
        posted = session.start_post(payload(frames, self.client.protocol))
        try:
            answer = posted.receive(self.patience)
        except ConnectionEnded:
            self.see("the post ends")
        else:
            if (answer.status, answer.body) != (200, b"ok"):
                self.see([answer.status, answer.text])

    # -------------------------------------------------------------------- WebSocket

    def websocket(
        self, target: str, headers: dict[str, str] | None = None
    ) -> RawWebSocket | None:
        """Open a WebSocket; see the refusal if there is one.

        Blocks:
            Until it is answered.
        """
        try:
            return RawWebSocket(self.client.http(), target, headers)
        except Refused as refused:
            self.see(shown(refused.answer))
        except ConnectionEnded:
            self.see("the connection ends")
        except BrokenFrames:
            self.see("101, then no frames")
        return None

    def receive(self, websocket: RawWebSocket) -> str | None:
        """See the next message; return it as text, None if the WebSocket is closed.

        Blocks:
            Until it has come.
        """
        try:
            message = websocket.receive(self.patience)
        except Closed as closed:
            # That Go often sends no close frame is one difference, not hundreds.
            told = closed.code not in (NO_CODE, ABNORMAL)
            self.see(f"closed {closed.code}" if told else "closed")
        except BrokenFrames:
            self.see("101, then no frames")
        else:
            self.see(message)
            return str(message)
        return None

    def welcomed(self, websocket: RawWebSocket) -> None:
        """See the two messages that a client gets when it has joined a namespace.

        Blocks:
            Until they have come.
        """
        for _ in range(2):
            self.receive(websocket)

    def messages(self, websocket: RawWebSocket, until: str) -> bool:
        """See all messages before that one; return False if the WebSocket is closed.

        Blocks:
            Until it has come.
        """
        while (message := self.receive(websocket)) is not None:
            if message.startswith(until):
                self.seen.pop()  # the mark
                return True
        return False

    def fate(self, sid: str) -> None:
        """See what became of a session.

        Blocks:
            Until it has closed.
        """
        with gevent.Timeout(self.patience, TimeoutError("the session has not ended")):
            self.see(self.peer.fate(sid))


class Packets:
    """The packets of a session that polls, one by one."""

    def __init__(self, conversation: Conversation, session: PollingSession) -> None:
        self._conversation = conversation
        self._session = session
        self._come: deque[str] = deque()

    def see(self, count: int) -> None:
        """See the next packets.

        Blocks:
            Until they have come, or the session is over.
        """
        for _ in range(count):
            if (packet := self._next()) is None:
                break
            self._conversation.see(packet)

    def see_until(self, beginning: str) -> bool:
        """See all packets before that one; return False if the session is over.

        Blocks:
            Until it has come, or the session is over.
        """
        while (packet := self._next()) is not None:
            if packet.startswith(beginning):
                return True
            self._conversation.see(packet)
        return False

    def _next(self) -> str | None:
        while not self._come:
            poll = self._session.start_poll()
            try:
                answer = poll.receive(self._conversation.patience)
            except ConnectionEnded:
                self._conversation.see("the poll ends")
                return None
            if answer.status != 200:
                self._conversation.see(answer.status)
                return None
            self._come.extend(packets_of(answer, self._conversation.client.protocol))
        return self._come.popleft()


class Script(NamedTuple):
    """What a client does.

    Attributes:
        run: Does it.
        options: Of the servers, by name; see ``FLAVOURS``.
        protocol: Of Engine.IO.
    """

    run: Callable[[Conversation], None]
    options: str = "plain"
    protocol: int = 4


#: Options of servers, by Node's names; small limits make short scripts.
FLAVOURS: dict[str, dict[str, Any]] = {
    "plain": {"maxHttpBufferSize": 1000},
    "old": {"maxHttpBufferSize": 1000, "allowEIO3": True},
    "many pings": {"pingInterval": 100, "pingTimeout": 60_000},
    "short patience": {"pingInterval": 500, "pingTimeout": 1000, "allowEIO3": True},
    "no time to join": {"connectTimeout": 200},
    "no time to upgrade": {"upgradeTimeout": 200},
    "no upgrades": {"allowUpgrades": False},
    "polling": {"transports": ["polling"]},
    "websocket": {"transports": ["websocket"]},
    "cookie": {"cookie": "io"},
    "any origin": {"cors": {"origin": "*"}},
    "the same origin back": {"cors": {"origin": True}},
    "one origin": {"cors": {"origin": "https://a.example", "credentials": True}},
    "two origins": {
        "cors": {
            "origin": ["https://a.example", "https://b.example"],
            "credentials": True,
            "allowedHeaders": "x-a,x-b",
            "exposedHeaders": "x-c",
            "maxAge": 60,
        }
    },
    "deflate": {"perMessageDeflate": True},
    "large": {},
    "recovery": {"connectionStateRecovery": {}},
}


def shown(answer: Answer) -> list[Any]:
    """Return what is compared of an answer."""
    headers = {
        name: value
        for name, value in answer.headers.items()
        if name not in IGNORED_HEADERS
    }
    if "vary" in headers:  # it is a set
        headers["vary"] = ", ".join(sorted(headers["vary"].split(", ")))
    return [answer.status, dict(sorted(headers.items())), answer.body.decode("latin-1")]


def plain(thing: Any) -> Any:
    """Return a thing as JSON has it, with all ids made equal."""
    if isinstance(thing, str):
        return _COOKIE.sub("=ID", _IDS.sub(r"\1ID", thing))
    if isinstance(thing, bytes):
        return f"bytes {thing.hex()}"
    if isinstance(thing, dict):
        return {key: plain(value) for key, value in sorted(thing.items())}
    if isinstance(thing, list | tuple):
        return list(map(plain, thing))
    return thing


def packets_of(answer: Answer, protocol: int) -> list[str]:
    """Return the packets of a payload, as text."""
    text = answer.body.decode("utf-8", "backslashreplace")
    if protocol == 4:
        return text.split("\x1e")
    packets = []
    while text and text[0].isdigit():
        length, _, rest = text.partition(":")
        units = rest.encode("utf-16-le")
        packets.append(units[: 2 * int(length)].decode("utf-16-le"))
        text = units[2 * int(length) :].decode("utf-16-le")
    return packets + ([text] if text else [])


def payload(frames: Iterable[str | bytes], protocol: int) -> str:
    """Return what a client posts, without a packet of bytes."""
    texts = [
        each
        if isinstance(each, str)
        else ("b" if protocol == 4 else "b4") + base64.b64encode(each).decode()
        for each in frames
    ]
    if protocol == 4:
        return "\x1e".join(texts)
    return "".join(f"{len(t.encode('utf-16-le')) // 2}:{t}" for t in texts)


def send(websocket: RawWebSocket, frames: Iterable[str | bytes], protocol: int) -> None:
    """Send messages together, so that the server reads all of them."""
    written = [
        each if isinstance(each, str) or protocol == 4 else b"\4" + each
        for each in frames
    ]
    with suppress(OSError):  # the server may have closed the connection
        websocket.send_bytes(b"".join(frame(each, mask=MASK) for each in written))
