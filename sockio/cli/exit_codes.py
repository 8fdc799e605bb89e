"""Exit codes: how a program of the command line ends, and what it says then."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sockio.errors import ConfigError
from sockio.runtime.standard_streams import say

__all__ = ["FAILED", "INTERRUPTED", "UNREAD", "WARNED", "WRONG", "telling_mistakes"]

#: Something failed.
FAILED = 1
#: An argument, or an option of the server, is wrong; argparse has chosen this code.
WRONG = 2
#: All works, but there are warnings.
WARNED = 3
#: Ctrl-C, as shells have it.
INTERRUPTED = 130
#: Nobody reads what it writes, as shells have it.
UNREAD = 141


@contextmanager
def telling_mistakes() -> Iterator[None]:
    """End the program with one line if an argument or an option is wrong."""
    try:
        yield
    except ConfigError as exc:
        say(f"sockio: {exc}\n")
        raise SystemExit(WRONG) from None
