"""What is inside of a connection of aioquic: its streams, their bytes, its deadline.

There is no public way to know it, up to aioquic 1.7.
"""

from __future__ import annotations

from aioquic.quic.connection import QuicConnection
from aioquic.quic.stream import QuicStream

#: Streams that a peer may have at a time, whatever aioquic lets it open.
MAX_STREAMS = 256
#: Bytes that aioquic may hold because bytes before them are missing.
MAX_GAP = 16 << 20


def of(quic: QuicConnection) -> dict[int, QuicStream]:
    """Return the streams that have not ended, by id."""
    return quic._streams


def ends(quic: QuicConnection, now: float) -> bool:
    """Whether the connection ends if its timer is handled, for its peer was silent."""
    end: float | None = quic._close_at
    return end is not None and now >= end


def settled(quic: QuicConnection) -> bool:
    """Whether the peer has acknowledged all streams that have an end."""
    # An end have those that the client opened for both directions.
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
