"""Output: what a command writes. It ends when nobody reads that, as with ``| head``."""

from __future__ import annotations

import os
import sys

from .exit_codes import UNREAD

__all__ = ["write"]


def write(text: str) -> None:
    """Write to standard output, if there is one.

    Raises:
        SystemExit: Nobody reads it any more, or it cannot be written.
    """
    if sys.stdout is None:  # as with >&-
        return
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        _forget()
        raise SystemExit(UNREAD) from None
    except OSError as exc:
        _forget()
        raise SystemExit(f"sockio: cannot write: {exc.strerror}") from None


def _forget() -> None:
    """Drop what is left of it; Python would try to write that once more, and fail."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
