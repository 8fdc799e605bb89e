"""Standard streams: lines for the person who started the program, if anybody is there.

A server goes on without them. They are None in a program that was started without (as
with ``2>&-``), their disk may be full, and the reader of a pipe may have gone.
"""

from __future__ import annotations

import io
import sys
from contextlib import suppress
from typing import Any

__all__ = ["errors", "flush", "say"]


def say(text: str) -> None:
    """Write lines to standard error, if that can be."""
    if sys.stderr is None:
        return
    with suppress(OSError, ValueError):  # ValueError: it is closed
        # In one piece, which `print` does not promise: others may say something now.
        sys.stderr.write(text)
        sys.stderr.flush()


def flush() -> None:
    """Write out what is kept back, if that can be."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            with suppress(OSError, ValueError):
                stream.flush()


def errors() -> Any:
    """Return the stream for ``wsgi.errors``, which applications rely on."""
    return _NOWHERE if sys.stderr is None else sys.stderr


class _Nowhere(io.TextIOBase):
    """Takes what is written, and drops it."""

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        return len(text)


_NOWHERE = _Nowhere()
