"""Access log: a line for each request that was answered.

The id of a session, ``sid``, is a secret and stays out of the lines: whoever knows it
can take part in the session.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

from sockio.runtime.peer_text import told

from .exchange import Exchange

__all__ = ["AccessLog", "without_sid"]

#: Longer lines are refused before they get here.
_LONGEST = 1 << 20
_SID = re.compile(r"sid=(?<![^?&;]sid=)[^&;#\s]+")
#: The same if its name is escaped, which means the same.
_ESCAPED = re.compile(r"((?:^|[?&;])(?:s|%73)(?:i|%69)(?:d|%64)=)[^&;#\s]+")


def without_sid(line: str) -> str:
    """Return a request line, target or query as it may be logged."""
    if "%" in line:
        line = _ESCAPED.sub(r"\1***", line)
    elif "sid=" in line:
        line = _SID.sub("sid=***", line)
    return told(line, _LONGEST)


class AccessLog:
    """Writes the lines to a file or to a logger."""

    def __init__(self, target: Any) -> None:
        self._write: Callable[[str], object] = _writer(target)

    def add(self, address: Any, exchange: Exchange) -> None:
        """Write the line of ``exchange``; ``address`` is its client's."""
        self._write(
            f"{address[0] if isinstance(address, tuple) else address or '-'} "
            f"- - [{datetime.now():%Y-%m-%d %H:%M:%S}] "
            f'"{without_sid(exchange.request_line)}" '
            f"{exchange.code} {exchange.sent}"
        )


def _writer(target: Any) -> Callable[[str], object]:
    """Return what writes a line to a log: to a logger, or something like a file."""
    if hasattr(target, "write"):
        return lambda line: target.write(f"{line}\n")
    return target.info  # type: ignore[no-any-return]
