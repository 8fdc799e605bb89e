"""Frames: scripts of WebSocket frames, good and bad, and of ways to close."""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from sockio.protocol.websocket.frames import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
)
from tests.support.raw_websocket import Closed, RawWebSocket

from .conversation import BROUGHT, EVENT, Conversation, Packets, Script, send


class Piece(NamedTuple):
    """A frame.

    Attributes:
        first: Its first byte: flags and opcode.
        payload: What it carries.
        masked: Whether it is masked, as a client's must be.
        length: The length that it claims; None: that of the payload.
    """

    first: int
    payload: bytes = b""
    masked: bool = True
    length: bytes | None = None

    def written(self) -> bytes:
        size = len(self.payload)
        bit = 0x80 if self.masked else 0
        length = self.length
        if length is None:
            if size < 126:
                length = bytes([bit | size])
            else:
                length = bytes([bit | 126]) + struct.pack("!H", size)
        mask = b"\0\0\0\0" if self.masked else b""
        return bytes([self.first]) + length + mask + self.payload


FIN = 0x80
MESSAGE = b'42["message",1]'
PIECES: dict[str, list[Piece]] = {
    "in two fragments": [Piece(TEXT, MESSAGE[:5]), Piece(FIN, MESSAGE[5:])],
    "in three fragments, one empty": [
        Piece(TEXT, MESSAGE[:5]),
        Piece(CONTINUATION),
        Piece(FIN, MESSAGE[5:]),
    ],
    "a ping between fragments": [
        Piece(TEXT, MESSAGE[:5]),
        Piece(FIN | PING, b"x"),
        Piece(FIN, MESSAGE[5:]),
    ],
    "a ping": [Piece(FIN | PING, b"x")],
    "a ping of 125 bytes": [Piece(FIN | PING, b"x" * 125)],
    "a ping of 126 bytes": [Piece(FIN | PING, b"x" * 126)],
    "a ping in fragments": [Piece(PING, b"x")],
    "a pong": [Piece(FIN | PONG, b"x")],
    "not masked": [Piece(FIN | TEXT, MESSAGE, masked=False)],
    "a length in 16 bits that needs 7": [
        Piece(FIN | TEXT, MESSAGE, length=b"\xfe\0" + bytes([len(MESSAGE)]))
    ],
    "a length in 64 bits that needs 7": [
        Piece(FIN | TEXT, MESSAGE, length=b"\xff" + struct.pack("!Q", len(MESSAGE)))
    ],
    "a length above the limit": [Piece(FIN | TEXT, b"", length=b"\xfe\x10\0")],
    "a length of 63 bits": [Piece(FIN | TEXT, b"", length=b"\xff\x7f" + b"\xff" * 7)],
    "a length of 64 bits": [Piece(FIN | TEXT, b"", length=b"\xff" + b"\xff" * 8)],
    "fragments above the limit": [
        Piece(TEXT, b"4" + b"x" * 700),
        Piece(FIN, b"x" * 700),
    ],
    "reserved bit 1": [Piece(FIN | 0x40 | TEXT, MESSAGE)],
    "reserved bit 2": [Piece(FIN | 0x20 | TEXT, MESSAGE)],
    "reserved bit 3": [Piece(FIN | 0x10 | TEXT, MESSAGE)],
    **{f"opcode {code}": [Piece(FIN | code, b"x")] for code in (3, 7, 11, 15)},
    "a continuation of nothing": [Piece(FIN, b"x")],
    "a message within a message": [Piece(TEXT, b"4"), Piece(FIN | TEXT, MESSAGE)],
    "bad UTF-8": [Piece(FIN | TEXT, b"4\xff")],
    "cut UTF-8": [Piece(FIN | TEXT, b"4\xe2\x82")],
    "a surrogate in UTF-8": [Piece(FIN | TEXT, b"4\xed\xa0\x80")],
    "UTF-8 in two fragments": [
        Piece(TEXT, b'42["message","\xe2\x82'),
        Piece(FIN, b'\xac"]'),
    ],
    "zero bytes": [Piece(FIN | TEXT, b'42["message","\0"]')],
    "an event as bytes": [Piece(FIN | BINARY, MESSAGE)],
    "an empty message": [Piece(FIN | TEXT)],
    "empty bytes": [Piece(FIN | BINARY)],
    "a close": [Piece(FIN | CLOSE)],
    "a close and more": [Piece(FIN | CLOSE), Piece(FIN | TEXT, MESSAGE)],
    "a close of one byte": [Piece(FIN | CLOSE, b"\3")],
    "a close with text that is none": [Piece(FIN | CLOSE, b"\x03\xe8\xff")],
    "a close in fragments": [Piece(CLOSE)],
    **{
        f"a close with {code}": [Piece(FIN | CLOSE, struct.pack("!H", code) + b"bye")]
        for code in (
            *(0, 999, 1000, 1001, 1004, 1005, 1006, 1008, 1011, 1012, 1015),
            *(1016, 2000, 3000, 4000, 4999, 5000, 65535),
        )
    },
}


def _sent(pieces: list[Piece], conversation: Conversation) -> None:
    websocket, fields = conversation.client.open_websocket_session()
    websocket.send("40")
    conversation.welcomed(websocket)
    mark = Piece(FIN | TEXT, EVENT.encode()).written()
    websocket.send_bytes(b"".join(piece.written() for piece in pieces) + mark)
    try:
        while (message := websocket.receive(conversation.patience)) != BROUGHT:
            conversation.see(message)
    except Closed as closed:
        conversation.see(f"closed {closed.code}")
        conversation.fate(fields["sid"])
    conversation.see(
        *(f"control {it.opcode} {it.payload!r}" for it in websocket.controls)
    )


# --------------------------------------------------------------------- ways to close


def _end(end: Callable[[RawWebSocket], object], conversation: Conversation) -> None:
    websocket, fields = conversation.client.open_websocket_session()
    websocket.send("40")
    conversation.welcomed(websocket)
    end(websocket)
    conversation.fate(fields["sid"])


def _end_poll(how: str, conversation: Conversation) -> None:
    session = conversation.client.open_session()
    session.post("40")
    conversation.see(session.poll().text.split("\x1e")[0])
    poll = session.start_poll()
    conversation.post(session, ["6"])  # the poll has arrived when that is answered
    if how == "the poll is dropped":
        poll.wire.close()
    elif how == "a second poll":
        second = session.start_poll()
        conversation.answer(second)
        conversation.answer(poll)
    elif how == "a close packet":
        conversation.post(session, ["1"])
        conversation.answer(poll)
    elif how == "the server closes":
        conversation.post(session, ['42["kick"]'])
        conversation.answer(poll)
    elif how == "the server ends it":
        conversation.post(session, ['42["end"]'])
        conversation.see(*poll.receive(conversation.patience).text.split("\x1e"))
        Packets(conversation, session).see_until("nothing")
    elif how == "nonsense":
        conversation.post(session, ["x"])
        conversation.answer(poll)
    elif how == "a bad event":
        conversation.post(session, ["42{}"])
        conversation.answer(poll)
    elif how == "half a post":
        post = conversation.client.http()
        post.wire.send(
            f"POST {session.target()} HTTP/1.1\r\nHost: x\r\n"
            "Content-Length: 10\r\n\r\n4".encode()
        )
        post.wire.close()
    conversation.fate(session.sid)


def _say_and_close(packet: str, websocket: RawWebSocket) -> None:
    websocket.send(packet)
    websocket.close()


def _closing_code(frames: tuple[str, ...], conversation: Conversation) -> None:
    """See with which code the server closes."""
    websocket, _ = conversation.client.open_websocket_session()
    websocket.send("40")
    for _ in range(2):
        websocket.receive()
    send(websocket, frames, 4)
    conversation.see(f"closed {websocket.wait_closed().code}")


POLL_ENDS = (
    *("the poll is dropped", "a second poll", "a close packet"),
    *("the server closes", "the server ends it", "nonsense", "a bad event"),
    "half a post",
)
ENDS: dict[str, Callable[[RawWebSocket], object]] = {
    "cut": RawWebSocket.cut,
    "reset": lambda websocket: websocket.wire.reset(),
    "close frame": RawWebSocket.close,
    "leaving, then a close frame": partial(_say_and_close, "41"),
    "a close packet, then a close frame": partial(_say_and_close, "1"),
}
CODES = {
    "of a bad event": ("42{}",),
    "of a bad packet": ("x",),
    "of the server": ('42["kick"]',),
}


def scripts() -> dict[str, Script]:
    """Return all scripts of frames and of ways to close."""
    found = {
        f"frame: {name}": Script(partial(_sent, it)) for name, it in PIECES.items()
    }
    found |= {f"end: {name}": Script(partial(_end, end)) for name, end in ENDS.items()}
    found |= {f"end: {how}": Script(partial(_end_poll, how)) for how in POLL_ENDS}
    found |= {
        f"close frame {name}": Script(partial(_closing_code, frames))
        for name, frames in CODES.items()
    }
    return found
