"""Output: what a command writes. It ends when nobody reads that, as with ``| head``."""

from __future__ import annotations

import os
import sys
from typing import TextIO

from .exit_codes import UNREAD

__all__ = ["write"]


def write(text: str, file: TextIO | None = None) -> None:
    """Write to standard output, or to another file.

    Raises:
        SystemExit: Nobody reads it any more, or it cannot be written.
    """
    file = sys.stdout if file is None else file
    if file is None:  # the program was started without
        return
    try:
        file.write(text)
        file.flush()
    except BrokenPipeError:
        _forget(file)
        raise SystemExit(UNREAD) from None
    except OSError as exc:
        _forget(file)
        raise SystemExit(f"sockio: cannot write: {exc.strerror}") from None


def _forget(file: TextIO) -> None:
    """Drop what is left of it; Python would try to write that once more, and fail."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, file.fileno())
    os.close(nowhere)
