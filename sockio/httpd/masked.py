"""Masked: what of a request may be logged.

The id of a session, ``sid``, is a secret and stays out of access logs: whoever knows it
can take part in the session.
"""

from __future__ import annotations

import re

from sockio.runtime.peer_text import told
from sockio.types import Environ

__all__ = ["loggable", "without_sid"]

#: Longer lines are refused before they get here.
_LONGEST = 1 << 20
_SID = re.compile(r"sid=(?<![^?&;]sid=)[^&;#\s]+")
#: The same if its name is escaped, which means the same.
_ESCAPED = re.compile(r"((?:^|[?&;])(?:s|%73)(?:i|%69)(?:d|%64)=)[^&;#\s]+")
#: What of an environ may contain the id of a session.
_SECRET = ("RAW_URI", "QUERY_STRING")


def without_sid(line: str) -> str:
    """Return a request line, target or query as it may be logged."""
    if "%" in line:
        line = _ESCAPED.sub(r"\1***", line)
    elif "sid=" in line:
        line = _SID.sub("sid=***", line)
    return told(line, _LONGEST)


def loggable(environ: Environ) -> Environ:
    """Return a copy of an environ without the ids of sessions, which are secret."""
    return environ | {
        name: without_sid(environ[name]) for name in _SECRET if name in environ
    }
