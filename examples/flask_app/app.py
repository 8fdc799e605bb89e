"""Flask and Socket.IO in one process: Flask serves pages, sockio handles events.

    python examples/flask_app/app.py 3000
    cd examples/flask_app && gunicorn -k gevent -w 4 -b 127.0.0.1:3000 app:app

Pages of http://localhost:8080 may connect too (CORS). They connect to the namespace
/user with ``io("http://127.0.0.1:3000/user", {auth: {token: "secret-ann"}})``. A view
sends an event to a user by name::

    curl -X POST http://127.0.0.1:3000/notify/ann -d text=hello

The port may also be given as PORT.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from flask import Flask, request

import sockio

USERS = {"secret-ann": "ann", "secret-bob": "bob"}

app = Flask(__name__)
io = sockio.Server(
    cors=sockio.Cors(origin=["http://localhost:8080"], credentials=True),
    # Cookies identify users, so no other page may use the cookies of its visitors.
    check_origin=True,
)
user = io.of("/user")


@app.get("/")
def index() -> dict[str, Any]:
    return {"online": sorted({socket.data.user for socket in user.fetch_sockets()})}


@app.post("/notify/<name>")
def notify(name: str) -> tuple[str, int]:
    user.to(f"user:{name}").emit("notice", request.form["text"])
    return "", 204


@user.use
def known(socket: sockio.Socket) -> None:
    name = USERS.get(str(socket.handshake.auth.get("token")))
    if name is None:
        raise sockio.ConnectError("unknown token", {"code": "unknown-token"})
    socket.data.user = name


@user.on("connection")
def connected(socket: sockio.Socket) -> None:
    socket.join(f"user:{socket.data.user}")

    @socket.on("whoami")
    def whoami() -> str:
        return str(socket.data.user)


# From now on app.wsgi_app serves /socket.io/ too, under any WSGI server.
io.attach(app)

if __name__ == "__main__":
    port = int(sys.argv[1] if len(sys.argv) > 1 else os.environ.get("PORT", "3000"))
    http_server = sockio.create_server(app)
    http_server.listen(("127.0.0.1", port))
    print(f"http://127.0.0.1:{port}", flush=True)
    http_server.serve_forever()
