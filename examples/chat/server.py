"""A chat in the browser: it shows who is there and who types, and survives a tunnel.

    npm ci --prefix examples/chat
    python examples/chat/server.py 3000

Then open http://127.0.0.1:3000 in two windows. The port may also be given as PORT, and
``--client FILE`` names another copy of socket.io-client's ``socket.io.min.js``.
"""

from __future__ import annotations

import argparse
import os
import signal
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import gevent

import sockio

HERE = Path(__file__).parent
SCRIPT = "socket.io.min.js"
CLIENT = Path("node_modules", "socket.io-client", "dist", SCRIPT)
#: Where npm may have put the client.
PACKAGES = (HERE, HERE.parent.parent / "tests" / "js")
LONGEST_NAME, LONGEST_TEXT = 20, 2000


def page(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Serve the page; its script comes from the Socket.IO server."""
    if environ["PATH_INFO"] != "/":
        start_response("404 Not Found", [("Content-Length", "0")])
        return [b""]
    body = (HERE / "index.html").read_bytes()
    headers = [
        ("Content-Type", "text/html; charset=utf-8"),
        ("Content-Length", str(len(body))),
    ]
    start_response("200 OK", headers)
    return [body]


def add_chat(io: sockio.Server) -> None:
    """Register the chat's handlers."""

    @io.use
    def has_a_name(socket: sockio.Socket) -> None:
        name = str(socket.handshake.auth.get("name", "")).strip()
        if not 0 < len(name) <= LONGEST_NAME:
            raise sockio.ConnectError(f"give a name of 1 to {LONGEST_NAME} characters")
        socket.data.name = name

    def names() -> list[str]:
        return sorted(socket.data.name for socket in io.fetch_sockets())

    @io.on("connection")
    def connected(socket: sockio.Socket) -> None:
        name = socket.data.name
        io.emit("joined", name, names())

        @socket.on("say")
        def say(text: str) -> bool:
            # What comes from a client may be anything.
            line = str(text).strip()[:LONGEST_TEXT]
            if line:
                socket.broadcast.emit("said", name, line)
            return True  # the acknowledgement: the page shows its line as sent now

        @socket.on("typing")
        def typing() -> None:
            socket.broadcast.volatile.emit("typing", name)

        @socket.on("disconnect")
        def gone(reason: str) -> None:
            io.emit("left", name, names())


def main() -> None:
    parser = argparse.ArgumentParser(description="A chat in the browser.")
    parser.add_argument(
        "port", nargs="?", type=int, default=os.environ.get("PORT", "3000")
    )
    parser.add_argument("--client", type=Path, help=f"a copy of {SCRIPT}")
    options = parser.parse_args()
    copies = [options.client] if options.client else [p / CLIENT for p in PACKAGES]
    client = next((path for path in copies if path.is_file()), None)
    if client is None or client.name != SCRIPT:
        parser.error("there is no JavaScript client: npm ci --prefix examples/chat")

    http_server = sockio.create_server(page)
    # Clients that come back within two minutes get what was said meanwhile.
    io = sockio.Server(
        http_server, client_dist=client.parent, connection_state_recovery=True
    )
    add_chat(io)
    for signum in (signal.SIGINT, signal.SIGTERM):
        gevent.signal_handler(signum, io.close)
    http_server.listen(("127.0.0.1", options.port))
    print(f"http://127.0.0.1:{options.port}", flush=True)
    http_server.serve_forever()


if __name__ == "__main__":
    main()
