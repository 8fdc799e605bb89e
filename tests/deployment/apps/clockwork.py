"""A server with a task that one of all workers runs: it tells clients who that is."""

from __future__ import annotations

import os
from typing import Any

import sockio

io: sockio.Server[Any] = sockio.Server()


@io.every(0.02, singleton=True)
def tick() -> None:
    io.emit("tick", os.getpid())


app = io.attach(lambda environ, start_response: [])
