"""RFC 6455 frames: feed(bytes) -> messages; ``writing`` is the other direction.

The usual case has a short path of its own: one small, whole, masked text frame.

Spec: RFC 6455, sections 5 and 7.4.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from sockio.errors import ProtocolError, TooLarge

from .payload import (
    Inflate,
    Inflation,
    apply_mask,
    masked_bytes,
    masked_text,
)
from .writing import frame

__all__ = [
    "BINARY",
    "CLOSE",
    "CONTINUATION",
    "PING",
    "PONG",
    "TEXT",
    "Control",
    "FrameReader",
    "Inflate",
    "Item",
    "frame",
]

CONTINUATION = 0
TEXT = 1
BINARY = 2
CLOSE = 8
PING = 9
PONG = 10

_FIN = 0x80
_RSV1 = 0x40
_OTHER_RSV = 0x30
_MASKED = 0x80
#: Bytes of the longest payload whose length fits the second byte of the header.
_SHORT = 125
#: Bytes of header before the payload of a short masked frame.
_SHORT_HEADER = 6
#: Bytes of the longest frame whose parts are joined until it is whole.
_JOINED_UP_TO = 4096
#: Most frames that are read in one step; other greenlets may run between two steps.
_MOST_FRAMES = 32
#: Most compressed bytes of a message that are inflated in one step.
_MOST_DEFLATED = 8192
#: A message of more inflated bytes ends the step: a read may hold many of them.
_MUCH = 16384
#: Bytes of the first piece of memory for a large frame. More follow as it fills: a
#: header alone must not make us reserve what it announces.
_FIRST_PIECE = 1 << 16


class Control(NamedTuple):
    """A ping, pong or close frame."""

    opcode: int
    payload: bytes


#: What a reader returns: a message, a control frame, or the reason why it stopped.
Item: TypeAlias = "str | bytes | Control | ProtocolError"


class FrameReader:
    """Makes messages out of the bytes of one peer, however they are divided.

    The first violation is the last item of all; nothing is read after it, or after a
    close frame.
    """

    __slots__ = (
        "_compressed",
        "_enough",
        "_finished",
        "_first",
        "_inflate",
        "_inflation",
        "_left",
        "_mask",
        "_masked",
        "_max_payload",
        "_message",
        "_most",
        "_opcode",
        "_pieces",
        "_quick",
        "_quick_limit",
        "_tail",
        "behind",
        "space",
    )

    def __init__(
        self,
        *,
        max_payload: int,
        masked: bool = True,
        inflate: Inflate | None = None,
    ) -> None:
        """Start reading.

        Args:
            max_payload: Most bytes of a message, compressed and inflated.
            masked: Whether the peer is a client: its frames must be masked, those of a
                server must not.
            inflate: Inflates compressed messages; None: the peer must not send any.
        """
        #: Inside a large frame: the memory to receive its next bytes into.
        self.space: memoryview | None = None
        #: Whether bytes that were fed are not read yet: call ``more``.
        self.behind = False
        self._max_payload = max_payload
        self._masked = masked
        self._inflate = inflate
        #: A large compressed message, of which a part is inflated.
        self._inflation: Inflation | None = None
        #: What was read is enough for one step.
        self._enough = False
        self._finished = False
        #: The beginning of a frame that is not whole yet.
        self._tail = b""
        # A large frame: its pieces, bytes that are still to come after the last piece,
        # and what its header said.
        self._pieces: list[bytearray] = []
        self._left = 0
        self._first = 0
        self._mask = b""
        # A message whose last fragment has not arrived.
        self._message: bytearray | None = None
        self._opcode = 0
        self._compressed = False
        #: Bytes of the largest read that may take the short path; -1: none may.
        self._quick_limit = min(max_payload, _SHORT) + _SHORT_HEADER if masked else -1
        self._quick = self._quick_limit
        #: Bytes of the largest message that ``_parse_usual`` may read; -1: none.
        self._most = max_payload if masked else -1

    @property
    def unfinished(self) -> int:
        """Bytes received of a message that is not whole yet, still in frames or not."""
        size = len(self._tail)
        if self._message is not None:
            size += len(self._message)
        if self.space is not None:
            size += sum(map(len, self._pieces)) - len(self.space)
        return size

    def feed(self, data: bytes) -> list[Item]:
        """Return what ``data`` completes, in order; if it is much, the first part.

        Feed nothing more while the reader is ``behind``: call ``more``.
        """
        size = len(data)
        if (
            6 <= size <= self._quick  # _SHORT_HEADER; nothing is half-read
            and data[0] == 0x81  # _FIN | TEXT
            and data[1] == size + 122  # _MASKED | size - _SHORT_HEADER
        ):
            try:
                return [masked_text(data, 2, size)]
            except UnicodeDecodeError:
                pass  # _read reports it
        return self._read(data, 0)

    def filled(self, count: int) -> list[Item]:
        """Return what is complete now that ``space`` has ``count`` bytes more."""
        return self._read(b"", count)

    def more(self) -> list[Item]:
        """Return the next items of what was fed."""
        return self._read(b"", 0)

    def _read(self, data: bytes, filled: int) -> list[Item]:
        items: list[Item] = []
        if self._finished:
            return items
        try:
            if (inflation := self._inflation) is not None:
                payload = inflation.step(_MOST_DEFLATED)
                if payload is not None:
                    self._inflation = None
                    items.append(payload.decode() if self._opcode == TEXT else payload)
            at = self._fill(data, filled, items) if self.space is not None else 0
            if self._tail:
                data = self._tail + data
                self._tail = b""
            self._parse(data, at, items)
        except ProtocolError as exc:
            self._finish()
            items.append(exc.bare())
        except UnicodeDecodeError:
            self._finish()
            items.append(ProtocolError("invalid UTF-8", 1007))
        idle = self.space is None and self._message is None and not self._tail
        idle = idle and not self.behind
        self._quick = self._quick_limit if idle and not self._finished else -1
        return items

    def _finish(self) -> None:
        self._finished = True
        self.behind = False
        self._inflation = None
        self._tail = b""
        self.space = None
        self._pieces = []
        self._message = None

    def _parse(self, data: bytes, at: int, items: list[Item]) -> None:
        """Read the frames in ``data`` from ``at`` on; keep the rest in ``_tail``."""
        size = len(data)
        left = _MOST_FRAMES
        self._enough = self._inflation is not None
        while size - at >= 2 and left and not self._enough and not self._finished:
            left -= 1
            end = self._parse_usual(data, at, items)
            if end < 0:
                end = self._parse_any(data, at, items)
                if end < 0:
                    break
            at = end
        if not self._finished:
            stopped = self._enough or not left
            self.behind = self._inflation is not None or (stopped and size - at >= 2)
            if at < size:
                self._tail = data[at:]

    def _parse_usual(self, data: bytes, at: int, items: list[Item]) -> int:
        """Read the frame at ``at`` if it is whole, masked, a message and not too long.

        Returns:
            Where the next frame starts; -1: it is not such a frame.
        """
        size = len(data)
        first = data[at]
        length = data[at + 1] - _MASKED
        start = at + 2
        if length == 126 and size - at >= 4:
            length = data[at + 2] << 8 | data[at + 3]
            start = at + 4
        elif length > _SHORT:
            return -1
        end = start + 4 + length
        if length < 0 or end > size or length > self._most or self._message is not None:
            return -1
        if first == 0x81:  # _FIN | TEXT
            items.append(masked_text(data, start, end))
        elif first == 0x82:  # _FIN | BINARY
            items.append(masked_bytes(data, start, end))
        else:
            return -1
        return end

    def _parse_any(self, data: bytes, at: int, items: list[Item]) -> int:
        """Read the frame at ``at``; return where the next one starts, -1: not whole."""
        size = len(data)
        first, second = data[at], data[at + 1]
        self._check_header(first, second)
        length = second & 0x7F
        start = at + 2
        if length > _SHORT:
            start += 2 if length == 126 else 8
            if start > size:
                return -1
            length = int.from_bytes(data[at + 2 : start], "big")
        self._check_length(first, length)
        mask = b""
        if self._masked:
            mask = data[start : start + 4]
            start += 4
            if start > size:
                return -1
        end = start + length
        if end > size:
            if end - at <= _JOINED_UP_TO:
                return -1
            self._begin(first, mask, length)
            return start + self._fill(data[start:], 0, items)
        payload = data[start:end]
        self._take(first, apply_mask(payload, mask) if mask else payload, items)
        return end

    def _check_header(self, first: int, second: int) -> None:
        opcode = first & 0x0F
        if opcode > PONG or BINARY < opcode < CLOSE:
            raise ProtocolError(f"unknown opcode {opcode}", 1002)
        if first & _OTHER_RSV:
            raise ProtocolError("reserved bits are set", 1002)
        if first & _RSV1 and (self._inflate is None or opcode not in (TEXT, BINARY)):
            raise ProtocolError("reserved bit 1 is set", 1002)
        if (second >= _MASKED) is not self._masked:
            wrong = "is not masked" if self._masked else "is masked"
            raise ProtocolError(f"the frame {wrong}", 1002)
        if opcode >= CLOSE:
            if second & 0x7F > _SHORT or not first & _FIN:
                raise ProtocolError("a control frame is too long or in pieces", 1002)
        elif (opcode == CONTINUATION) is (self._message is None):
            raise ProtocolError("fragments are out of order", 1002)

    def _check_length(self, first: int, length: int) -> None:
        before = 0 if self._message is None else len(self._message)
        if first & 0x0F < CLOSE and before + length > self._max_payload:
            raise TooLarge(
                "Max payload size exceeded",
                1009,
                size=before + length,
                limit=self._max_payload,
            )

    # ------------------------------------------------------------------ large frames

    def _begin(self, first: int, mask: bytes, length: int) -> None:
        """Start receiving the payload of a large frame into memory of its own."""
        self._first = first
        self._mask = mask
        self._left = length
        self._pieces = []
        self._add_piece(_FIRST_PIECE)

    def _add_piece(self, size: int) -> None:
        piece = bytearray(min(size, self._left))
        self._left -= len(piece)
        self._pieces.append(piece)
        self.space = memoryview(piece)

    def _fill(self, data: bytes, filled: int, items: list[Item]) -> int:
        """Put ``data`` into the large frame, after ``filled`` bytes already there.

        Returns:
            How many bytes of ``data`` were part of the frame.
        """
        used = 0
        while (space := self.space) is not None:
            if filled == 0:
                filled = min(len(space), len(data) - used)
                if filled == 0:
                    return used
                space[:filled] = data[used : used + filled]
                used += filled
            if filled < len(space):
                self.space = space[filled:]
            elif self._left:
                self._add_piece(sum(map(len, self._pieces)))
            else:
                pieces, self._pieces, self.space = self._pieces, [], None
                body = pieces[0] if len(pieces) == 1 else b"".join(pieces)
                mask = self._mask
                payload = apply_mask(body, mask) if mask else bytes(body)
                self._take(self._first, payload, items)
            filled = 0
        return used

    # ------------------------------------------------------------------ messages

    def _take(self, first: int, payload: bytes, items: list[Item]) -> None:
        """Add a frame, unmasked, to the items or to the message it is a part of."""
        opcode = first & 0x0F
        if opcode >= CLOSE:
            items.append(Control(opcode, payload))
            if opcode == CLOSE:
                self._finish()
        elif opcode == CONTINUATION:
            message = self._message
            assert message is not None  # as _check_header made sure
            message += payload
            if first & _FIN:
                self._message = None
                self._add(self._opcode, bytes(message), self._compressed, items)
        elif first & _FIN:
            self._add(opcode, payload, bool(first & _RSV1), items)
        else:
            self._opcode = opcode
            self._compressed = bool(first & _RSV1)
            self._message = bytearray(payload)

    def _add(
        self, opcode: int, payload: bytes, compressed: bool, items: list[Item]
    ) -> None:
        """Add a whole message to the items, or begin to inflate it."""
        if compressed:
            assert self._inflate is not None  # as _check_header made sure
            if len(payload) > _MOST_DEFLATED:
                self._inflation = self._inflate.begin(payload, self._max_payload)
                self._opcode = opcode
                self._enough = True
                return
            payload = self._inflate.message(payload, self._max_payload)
            self._enough = len(payload) > _MUCH
        items.append(payload.decode() if opcode == TEXT else payload)
