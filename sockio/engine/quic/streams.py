"""What is inside a connection of aioquic: its streams, their bytes, its deadline.

Up to aioquic 1.7, there is no public way to read any of it.
"""

from __future__ import annotations

from typing import Any

from aioquic.quic.connection import QuicConnection
from aioquic.quic.packet import QuicFrameType
from aioquic.quic.packet_builder import QuicPacketBuilder
from aioquic.quic.stream import QuicStream

#: Streams that a peer may have at a time, whatever aioquic lets it open.
MAX_STREAMS = 256
#: Bytes that aioquic may hold because bytes before them are missing.
MAX_GAP = 16 << 20
#: Bytes that a peer may send on a stream ahead of what has arrived.
WINDOW = 1 << 20
#: Bytes of the frame that announces a window: its type and two numbers.
_LONGEST_FRAME = 1 + 8 + 8


class Connection(QuicConnection):
    """A connection that can keep the peer from sending more on a stream.

    aioquic doubles the window of a stream again and again. Here the window has one
    size, and does not move while the stream is held.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        #: Streams whose window does not move.
        self.held: set[int] = set()

    def _write_stream_limits(
        self, builder: QuicPacketBuilder, space: Any, stream: QuicStream
    ) -> None:
        limit: int = stream.max_stream_data_local or 0
        if not limit:  # a stream that only we write
            return
        ahead = stream.receiver.highest_offset + WINDOW
        if stream.stream_id not in self.held and ahead - limit > WINDOW // 2:
            stream.max_stream_data_local = limit = ahead
        if limit != stream.max_stream_data_local_sent:
            frame = builder.start_frame(
                QuicFrameType.MAX_STREAM_DATA,
                capacity=_LONGEST_FRAME,
                handler=self._on_max_stream_data_delivery,
                handler_args=(stream,),
            )
            assert stream.stream_id is not None  # None for CRYPTO frames only
            frame.push_uint_var(stream.stream_id)
            frame.push_uint_var(limit)
            stream.max_stream_data_local_sent = limit


def of(quic: QuicConnection) -> dict[int, QuicStream]:
    """Return the streams that have not ended, by id."""
    return quic._streams


def ends(quic: QuicConnection, now: float) -> bool:
    """Whether handling the timer ends the connection, since its peer was silent."""
    end: float | None = quic._close_at
    return end is not None and now >= end


def settled(quic: QuicConnection) -> bool:
    """Whether the peer has acknowledged all streams that have an end."""
    # Only those that the client opened for both directions have one.
    return all(
        stream.sender.is_finished
        for stream_id, stream in of(quic).items()
        if not stream_id & 3
    )


def too_much(quic: QuicConnection) -> bool:
    """Whether a connection holds more than an honest one would."""
    # aioquic widens its windows with what arrives, not with what is used, so that
    # they bound neither the streams (before 1.7) nor the bytes behind a gap.
    waiting = 0
    for stream in of(quic).values():
        receiver = stream.receiver
        if not receiver.is_finished:
            waiting += receiver.highest_offset - receiver.starting_offset()
    return waiting > MAX_GAP or len(of(quic)) > MAX_STREAMS
