"""Takes connections over and echoes raw bytes on them; reports what the server holds.

As a program: pywsgi with gevent-websocket's handler.
"""

from __future__ import annotations

import gc
import json
import os
import ssl
import sys
from collections.abc import Iterable
from typing import Any

import gevent
from gevent.event import Event
from gevent.pool import Pool
from gevent.socket import wait_read

from sockio.engine.http.client_socket import HangupWatch, find, take_over
from sockio.types import Environ, StartResponse

SWITCHED = b"HTTP/1.1 101 Switching Protocols\r\n\r\n"

counts = {"taken": 0, "over": 0, "hung_up": 0}


def app(environ: Environ, start: StartResponse) -> Iterable[bytes]:
    if environ["PATH_INFO"] == "/echo":
        return take(environ, start)
    if environ["PATH_INFO"] == "/wait":
        return wait_for_hangup(environ, start)
    body = json.dumps({**counts, **held_by_server()}).encode()
    start("200 OK", [("Content-Length", str(len(body)))])
    return [body]


def take(environ: Environ, start: StartResponse) -> Iterable[bytes]:
    taken = take_over(environ)
    assert taken is not None
    counts["taken"] += 1
    if not taken.upgraded:
        taken.sock.send(SWITCHED)
    if taken.released:
        gevent.spawn(echo, taken.sock, taken.early)
    else:
        echo(taken.sock, taken.early)
    return taken.finish(start)


def echo(sock: Any, data: bytes) -> None:
    """Send back what comes, until it is a full stop."""
    while data != b".":
        if data:
            sock.send(data)
        try:
            data = sock.recv(65536) or b"."
        except (BlockingIOError, ssl.SSLWantReadError):
            data = b""
            wait_read(sock.fileno())
    sock.close()
    counts["over"] += 1


def wait_for_hangup(environ: Environ, start: StartResponse) -> Iterable[bytes]:
    hung_up = Event()
    sock = find(environ)
    assert sock is not None
    watch = HangupWatch(sock, hung_up.set)
    counts["hung_up"] += hung_up.wait(5)
    watch.close()
    # There is nobody to answer, and under TLS pywsgi reports that with a traceback.
    taken = take_over(environ)
    assert taken is not None
    taken.sock.close()
    return taken.finish(start, "499 Client Closed Request")


def held_by_server() -> dict[str, int]:
    """Count the requests that the server's pools know, and its greenlets."""
    gc.collect()
    things = gc.get_objects()
    return {
        "pooled": sum(len(thing) for thing in things if issubclass(type(thing), Pool)),
        "handlers": sum(
            issubclass(type(thing), gevent.Greenlet)
            and not thing.dead
            and "_handle_and_close" in repr(thing)
            for thing in things
        ),
        "sockets": sum(
            os.readlink(f"/proc/self/fd/{descriptor}").startswith("socket:")
            for descriptor in os.listdir("/proc/self/fd")
            if os.path.islink(f"/proc/self/fd/{descriptor}")
        ),
    }


if __name__ == "__main__":
    from gevent import monkey

    monkey.patch_all()

    from geventwebsocket.handler import WebSocketHandler
    from geventwebsocket.server import WebSocketServer

    server = WebSocketServer(
        ("127.0.0.1", 0), app, handler_class=WebSocketHandler, log=sys.stderr
    )
    server.start()
    print(f"Listening at: http://127.0.0.1:{server.server_port}", file=sys.stderr)
    sys.stderr.flush()
    gevent.signal_handler(15, server.stop)
    server.serve_forever()
