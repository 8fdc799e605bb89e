"""Handlers that query a database through Django; ``DATABASE`` names it, as JSON."""

from __future__ import annotations

import json
import os
from typing import Any

import django
import django.conf
import django.db
import gevent.event

import sockio
from sockio.types import WSGIApp

django.conf.settings.configure(
    DATABASES={"default": json.loads(os.environ["DATABASE"])}, USE_TZ=True
)
django.setup()

io: sockio.Server[Any] = sockio.Server()
#: The sockets that have asked and wait for the others.
waiting: list[str] = []
everybody_asked = gevent.event.Event()


def ask() -> int:
    with django.db.connection.cursor() as cursor:
        cursor.execute("select 7")
        answer: int = cursor.fetchone()[0]
    return answer


@io.on("connection")
def connected(socket: sockio.Socket[Any]) -> None:
    socket.on("ask", ask)

    @socket.on("ask with others")
    def ask_with_others(count: int) -> int:
        """Ask; answer when ``count`` sockets have asked and hold their connections."""
        answer = ask()
        waiting.append(socket.id)
        if len(waiting) == count:
            everybody_asked.set()
        everybody_asked.wait()
        return answer

    @socket.on("ask in a task")
    def ask_in_a_task() -> int:
        return io.spawn(ask).wait()

    @socket.on("ask in a thread")
    def ask_in_a_thread() -> int:
        return io.run_in_thread(ask)

    @socket.on("open files")
    def open_files(name: str) -> int:
        """Count the descriptors that this process has of a file."""
        names = []
        for descriptor in os.listdir("/proc/self/fd"):
            path = f"/proc/self/fd/{descriptor}"
            names.append(os.readlink(path) if os.path.islink(path) else "")
        return names.count(name)


app: WSGIApp = io.serve_handler()
