"""Too large: tells the operator of a message that is longer than clients may send."""

from __future__ import annotations

from sockio.runtime import logs
from sockio.runtime.refusals import MESSAGE_TOO_LARGE
from sockio.runtime.repeats import Repeats

__all__ = ["tell_too_large"]

log = logs.get("engine.websockets")


def tell_too_large(repeats: Repeats, transport: str, size: int, limit: int) -> None:
    """Log that a message was refused.

    Args:
        repeats: Counts the lines that clients cause.
        transport: The name of the transport on which it came.
        size: Bytes of it that are known so far.
        limit: Most bytes that it may have.
    """
    cause = MESSAGE_TOO_LARGE
    log.log(
        cause.level_now(log, repeats),
        "a message of %d bytes or more was refused: max_http_buffer_size=%d; %s",
        size,
        limit,
        cause,
        extra=cause.fields(transport=transport),
    )
