"""Hands requests over to another process, the one that the query names: ``?to=PID``.

A program of the smallest kind: every hand-over has a connection of its own to the other
process. As a program, it serves this application with a server made by hand::

    python -m tests.deployment.apps.handover ours|pywsgi|geventwebsocket
"""

from __future__ import annotations

import json
import os
import signal
import socket as stdlib
import sys
from _socket import socket as PlainSocket
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import parse_qs

import gevent
from gevent.server import StreamServer
from gevent.socket import socket as GeventSocket

from sockio.engine.handover.caller import gunicorn_servers
from sockio.engine.handover.raw_request import let_go, raw_request
from sockio.engine.handover.receivers import Receiver, receiver_of
from sockio.engine.http.client_socket import take_over
from sockio.types import Environ, StartResponse

#: What an answer tells of its environ.
TOLD = (
    "CONTENT_TYPE",
    "HTTP_COOKIE",
    "HTTP_HOST",
    "HTTP_X_A",
    "PATH_INFO",
    "QUERY_STRING",
    "RAW_URI",
    "REMOTE_ADDR",
    "REMOTE_PORT",
    "REQUEST_METHOD",
    "SERVER_NAME",
    "SERVER_PORT",
    "SERVER_PROTOCOL",
    "SERVER_SOFTWARE",
    "wsgi.url_scheme",
)


class Place:
    """Where this process gets what others hand over."""

    def __init__(self) -> None:
        self.receiver: Receiver | None = None
        #: Descriptors that came, and that were given away.
        self.came = self.went = 0

    def open(self, environ: Environ) -> None:
        """Let others come; the first request tells which server there is."""
        if self.receiver is not None:
            return
        self.receiver = receiver_of(environ)
        listener = GeventSocket(stdlib.AF_UNIX, stdlib.SOCK_STREAM)
        listener.bind(_name(os.getpid()))
        listener.listen(64)
        StreamServer(listener, self._receive).start()

    def _receive(self, link: Any, _address: Any) -> None:
        data, descriptors, _, _ = stdlib.recv_fds(link, 65536, 1)
        while more := link.recv(65536):
            data += more
        told, _, early = data.partition(b"\n")
        sock = PlainSocket(fileno=descriptors[0])
        sock.setblocking(False)
        gevent.get_hub().loop.run_callback(self._take, sock, json.loads(told), early)

    def _take(self, sock: PlainSocket, told: dict[str, Any], early: bytes) -> None:
        assert self.receiver is not None
        self.came += 1
        address, listener = (_address(told[name]) for name in ("address", "listener"))
        done = self.receiver.take(
            sock,
            address,
            early,
            listener=listener,
            skip=told["answered"],
            own_line=told["own_line"],
        )
        if not done:
            sock.send(b"HTTP/1.1 503 Full\r\nContent-Length: 0\r\n\r\n")
            sock.close()


place = Place()


def app(environ: Environ, start: StartResponse) -> Iterable[bytes]:
    if environ["PATH_INFO"].startswith("/generator"):
        return through_a_generator(environ, start)
    return answer(environ, start)


def through_a_generator(environ: Environ, start: StartResponse) -> Iterator[bytes]:
    yield from answer(environ, start)


def answer(environ: Environ, start: StartResponse) -> Iterable[bytes]:
    place.open(environ)
    query = parse_qs(environ["QUERY_STRING"])
    read = environ["wsgi.input"].read(int(query.get("read", "0")[0]))
    to = int(query.get("to", [os.getpid()])[0])
    if to != os.getpid():
        raw = raw_request(environ)
        assert raw is not None
        if raw.given:
            return hand_over(environ, start, to)
        return tell({"given": False, "head": raw.head.decode("latin-1")}, start)
    if environ.get("HTTP_UPGRADE") == "websocket":
        return echo(environ, start)
    body = read + environ["wsgi.input"].read()
    told = {name: environ.get(name) for name in TOLD}
    return tell({"length": len(body), "sum": sum(body), "environ": told}, start)


def hand_over(environ: Environ, start: StartResponse, to: int) -> Iterable[bytes]:
    raw = raw_request(environ)
    taken = take_over(environ)
    assert raw is not None
    assert taken is not None
    told = {
        "address": raw.address,
        "listener": raw.listener,
        "answered": raw.answered,
        "own_line": "quiet" not in environ["QUERY_STRING"],
    }
    data = json.dumps(told).encode() + b"\n" + raw.head + taken.early
    with GeventSocket(stdlib.AF_UNIX, stdlib.SOCK_STREAM) as link:
        link.connect(_name(to))
        stdlib.send_fds(link, [data[:1000]], [taken.sock.fileno()])
        link.sendall(data[1000:])
    taken.sock.close()
    place.went += 1
    return let_go(taken, environ, start)


def echo(environ: Environ, start: StartResponse) -> Iterable[bytes]:
    """Answer the handshake; send back what comes, with the number of this process."""
    taken = take_over(environ)
    assert taken is not None
    if not taken.upgraded:
        taken.sock.send(b"HTTP/1.1 101 Switching Protocols\r\n\r\n")

    sock: Any = GeventSocket(fileno=taken.sock.detach())

    def run(data: bytes) -> None:
        with sock:
            while data := data or sock.recv(65536):
                sock.sendall(b"%d:%b;" % (os.getpid(), data))
                data = b""

    gevent.spawn(run, taken.early)
    return taken.finish(start)


def tell(what: dict[str, Any], start: StartResponse) -> list[bytes]:
    found = gunicorn_servers()
    if found is not None:
        worker, servers = found
        what["requests"] = worker.nr
        what["pooled"] = sum(len(server.pool) for server in servers)
        what["closed"] = all(server.closed for server in servers)
    what |= {"pid": os.getpid(), "came": place.came, "went": place.went}
    what["descriptors"] = len(os.listdir("/proc/self/fd"))
    body = json.dumps(what).encode()
    start("200 OK", [("Content-Length", str(len(body)))])
    return [body]


def _name(pid: int) -> str:
    return f"\0sockio-tests-handover-{pid}"


def _address(told: Any) -> Any:
    return tuple(told) if isinstance(told, list) else told


def main(kind: str) -> None:
    server: Any
    if kind == "ours":
        import sockio

        server = sockio.create_server(app, log=sys.stderr, keep_alive=2.0)
        server.listen(("127.0.0.1", 0))
        port, stop = server.address[1], server.close
    else:
        from gevent.pywsgi import WSGIServer
        from geventwebsocket.handler import WebSocketHandler

        classes = {"geventwebsocket": WebSocketHandler}
        server = WSGIServer(
            ("127.0.0.1", 0), app, handler_class=classes.get(kind), log=sys.stderr
        )
        server.start()
        port, stop = server.server_port, server.stop
    print(f"Listening at: http://127.0.0.1:{port}", file=sys.stderr)
    gevent.signal_handler(signal.SIGTERM, stop)
    server.serve_forever()


if __name__ == "__main__":
    main(sys.argv[1])
