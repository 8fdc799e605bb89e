"""Reasons: why a session has ended.

They are those of Node's engine, letter by letter; the application gets to see them.
"""

from __future__ import annotations

#: The connection broke, or the client misused its transport.
TRANSPORT_ERROR = "transport error"
#: The client went away.
TRANSPORT_CLOSE = "transport close"
#: The server closed the session: ``conn.close()``, or a packet it cannot accept.
FORCED_CLOSE = "forced close"
#: The client has been silent for too long.
PING_TIMEOUT = "ping timeout"
#: A frame that is no Engine.IO packet.
PARSE_ERROR = "parse error"
