"""A server that the admin page watches, under gunicorn."""

from __future__ import annotations

import os
from typing import Any

import sockio
from tests.support.admin import USER

io: sockio.Server[Any] = sockio.Server(slow_handler=60.0)
sockio.instrument(io, auth=USER)


@io.on("connection")
def connected(socket: sockio.Socket[Any]) -> None:
    @socket.on("who")
    def who() -> int:
        return os.getpid()
