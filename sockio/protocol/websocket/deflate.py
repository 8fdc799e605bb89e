"""permessage-deflate, bounded.

Spec: RFC 7692, section 7.
"""

from __future__ import annotations

import zlib
from collections.abc import Hashable, Iterator
from dataclasses import dataclass

from sockio.errors import ConfigError, ProtocolError, TooLarge

from .frames import BINARY, TEXT, frame
from .payload import encode_text

__all__ = ["Agreed", "Deflate", "Deflater", "Inflater", "negotiate"]

_NAME = "permessage-deflate"
#: What a sender cuts off the end of a compressed message, and a receiver puts back.
_TAIL = b"\x00\x00\xff\xff"
_MAX_BITS = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class Deflate:
    """How WebSocket messages are compressed.

    The defaults save memory: without context takeover no window is kept between two
    messages, and what is compressed for one client can be sent to all of them.
    """

    #: Bytes of the shortest message that is compressed.
    threshold: int = 1024
    #: Whether each message of ours is compressed by itself.
    server_no_context_takeover: bool = True
    #: Whether clients are told to compress each message by itself.
    client_no_context_takeover: bool = True
    #: Size of our window, as a power of two, 9 to 15; None: 15, or as clients ask.
    server_max_window_bits: int | None = None
    #: Largest window that clients may use, 8 to 15, where they let us choose it.
    client_max_window_bits: int | None = None
    #: Effort, from 1 (fast) to 9 (small).
    level: int = 6
    #: Memory of the compressor, from 1 to 9.
    mem_level: int = 8

    def __post_init__(self) -> None:
        """Raise ConfigError for a value that makes no sense."""
        _check("threshold", self.threshold, 0, None)
        if self.server_max_window_bits is not None:
            _check("server_max_window_bits", self.server_max_window_bits, 9, _MAX_BITS)
        if self.client_max_window_bits is not None:
            _check("client_max_window_bits", self.client_max_window_bits, 8, _MAX_BITS)
        _check("level", self.level, 1, 9)
        _check("mem_level", self.mem_level, 1, 9)


def _check(name: str, value: int, low: int, high: int | None) -> None:
    if type(value) is not int or value < low or (high is not None and value > high):
        legal = f"from {low} to {high}" if high is not None else f"{low} or more"
        raise ConfigError(f"Deflate({name}={value!r}): give an integer, {legal}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreed:
    """What client and server agreed on for one connection."""

    options: Deflate
    server_no_context_takeover: bool
    client_no_context_takeover: bool
    server_max_window_bits: int
    client_max_window_bits: int
    #: Value of the ``Sec-WebSocket-Extensions`` header that tells the client.
    header: str

    def inflate(self) -> Inflater:
        """Return what inflates the client's messages."""
        return Inflater(
            self.client_max_window_bits, takeover=not self.client_no_context_takeover
        )

    def deflate(self) -> Deflater:
        """Return what compresses our messages."""
        return Deflater(self)


# ---------------------------------------------------------------------- negotiation


def negotiate(offer: str, options: Deflate) -> Agreed | None:
    """Return what is agreed on, or None: no compression.

    The first offer that we can meet wins; an invalid one is skipped.

    Args:
        offer: The client's ``Sec-WebSocket-Extensions`` header.
        options: What we want.
    """
    for extension in offer.split(","):
        name, *parameters = (part.strip() for part in extension.split(";"))
        if name.lower() == _NAME:
            offered = _read_offer(parameters)
            agreed = None if offered is None else _agree(offered, options)
            if agreed is not None:
                return agreed
    return None


#: A name, and the value if there is one.
_Offered = dict[str, "int | None"]


def _read_offer(parameters: list[str]) -> _Offered | None:
    """Return the parameters of an offer by name, or None: the offer is invalid."""
    offered: _Offered = {}
    for parameter in parameters:
        name, equals, value = (part.strip() for part in parameter.partition("="))
        if name in offered:
            return None
        if name in ("server_no_context_takeover", "client_no_context_takeover"):
            if equals:
                return None
            offered[name] = None
        elif name == "client_max_window_bits" and not equals:
            offered[name] = None
        elif name in ("server_max_window_bits", "client_max_window_bits"):
            bits = value[1:-1] if value[:1] == value[-1:] == '"' else value
            if bits not in _WINDOW_BITS:
                return None
            offered[name] = int(bits)
        else:
            return None
    return offered


_WINDOW_BITS = frozenset(map(str, range(8, _MAX_BITS + 1)))


def _agree(offered: _Offered, options: Deflate) -> Agreed | None:
    ours = offered.get("server_max_window_bits") or _MAX_BITS
    if options.server_max_window_bits is not None:
        ours = min(ours, options.server_max_window_bits)
    if ours < 9:
        return None  # zlib cannot write with so small a window
    theirs = offered.get("client_max_window_bits") or _MAX_BITS
    may_choose_theirs = "client_max_window_bits" in offered
    if may_choose_theirs and options.client_max_window_bits is not None:
        theirs = min(theirs, options.client_max_window_bits)
    server_alone = (
        options.server_no_context_takeover or "server_no_context_takeover" in offered
    )
    client_alone = (
        options.client_no_context_takeover or "client_no_context_takeover" in offered
    )

    def answer() -> Iterator[str]:
        yield _NAME
        if server_alone:
            yield "server_no_context_takeover"
        if client_alone:
            yield "client_no_context_takeover"
        if ours < _MAX_BITS or "server_max_window_bits" in offered:
            yield f"server_max_window_bits={ours}"
        if may_choose_theirs and theirs < _MAX_BITS:
            yield f"client_max_window_bits={theirs}"

    return Agreed(
        options=options,
        server_no_context_takeover=server_alone,
        client_no_context_takeover=client_alone,
        server_max_window_bits=ours,
        client_max_window_bits=theirs,
        header="; ".join(answer()),
    )


# ---------------------------------------------------------------------- messages


class Inflater:
    """Inflates the messages of one peer."""

    __slots__ = ("_bits", "_context", "_takeover")

    def __init__(self, bits: int = _MAX_BITS, *, takeover: bool = False) -> None:
        """Start; with ``takeover`` a message may refer to those before it."""
        self._bits = bits
        self._takeover = takeover
        self._context = zlib.decompressobj(-bits) if takeover else None

    def message(self, data: bytes, limit: int) -> bytes:
        """Return a message inflated; it never takes more memory than ``limit`` allows.

        Raises:
            TooLarge: It is longer than ``limit`` bytes (1009).
            ProtocolError: It is not deflated data (1007).
        """
        message = self.begin(data, limit).step(len(data))
        assert message is not None  # that step was all of it
        return message

    def begin(self, data: bytes, limit: int) -> _Message:
        """Begin to inflate a message in steps, which raise as ``message`` does."""
        context = self._context or zlib.decompressobj(-self._bits)
        return _Message(self, context, data, limit)

    def ended(self, context: zlib._Decompress) -> None:
        """Take note that a message has been inflated."""
        if context.eof and self._takeover:  # a legal, if unusual, way to start anew
            self._context = zlib.decompressobj(-self._bits)


class _Message:
    """One message that is inflated in steps.

    A peer can make inflating a hundred times slower than usual, with block after block
    that describes a Huffman code and holds no data.
    """

    __slots__ = ("_at", "_context", "_data", "_inflater", "_limit", "_pieces", "_size")

    def __init__(
        self, inflater: Inflater, context: zlib._Decompress, data: bytes, limit: int
    ) -> None:
        self._inflater = inflater
        self._context = context
        self._data = data
        self._at = 0
        self._limit = limit
        self._pieces: list[bytes] = []
        self._size = 0

    def step(self, size: int) -> bytes | None:
        context = self._context
        end = self._at + size
        part = self._data[self._at : end]
        last = end >= len(self._data)
        room = self._limit + 1 - self._size
        try:
            piece = context.decompress(part + _TAIL if last else part, room)
        except zlib.error as exc:
            raise ProtocolError("invalid compressed data", 1007) from exc
        self._at = end
        self._size += len(piece)
        self._pieces.append(piece)
        if self._size > self._limit:
            raise TooLarge(
                "Max payload size exceeded", 1009, size=self._size, limit=self._limit
            )
        if not last and not context.eof:
            return None
        self._inflater.ended(context)
        return piece if len(self._pieces) == 1 else b"".join(self._pieces)


class Deflater:
    """Compresses messages for one peer, or for many when ``form`` is not None."""

    __slots__ = ("_bits", "_context", "_level", "_mem_level", "_threshold", "form")

    def __init__(self, agreed: Agreed) -> None:
        """Start with what was agreed on."""
        options = agreed.options
        self._threshold = options.threshold
        self._level = options.level
        self._mem_level = options.mem_level
        self._bits = agreed.server_max_window_bits
        alone = agreed.server_no_context_takeover
        self._context = None if alone else self._new_context()
        #: Deflaters of the same form give the same frames; None: this one's frames are
        #: its own, since its messages refer to earlier ones.
        self.form: Hashable | None = (
            (self._threshold, self._level, self._mem_level, self._bits)
            if alone
            else None
        )

    def _new_context(self) -> zlib._Compress:
        return zlib.compressobj(
            self._level, zlib.DEFLATED, -self._bits, self._mem_level
        )

    def frame(self, message: str | bytes) -> bytes:
        """Return the frame of a message, compressed if it is long enough."""
        if isinstance(message, str):
            data, opcode = encode_text(message), TEXT
        else:
            data, opcode = message, BINARY
        if len(data) < self._threshold:
            return frame(data, opcode)
        return frame(self.message(data), opcode, rsv1=True)

    def message(self, data: bytes) -> bytes:
        """Return the compressed payload of a message."""
        if not data:
            return b"\x00"
        context = self._context or self._new_context()
        deflated = context.compress(data) + context.flush(zlib.Z_SYNC_FLUSH)
        return deflated[: -len(_TAIL)]
