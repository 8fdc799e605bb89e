"""An application written for Flask-SocketIO, on sockio: only an import has changed.

    python examples/flask_socketio/app.py 3000
    cd examples/flask_socketio && gunicorn -k gevent -w 4 -b 127.0.0.1:3000 app:app

Who has logged in may connect, join rooms and talk there::

    curl -c cookies -d name=ann http://127.0.0.1:3000/login

A client sends the cookie, as browsers do: ``io("http://127.0.0.1:3000",
{extraHeaders: {cookie}})``. It emits ``enter`` and ``say``, and gets ``said``,
``entered`` and ``left``. A logout disconnects all clients of the user::

    curl -b cookies -X POST http://127.0.0.1:3000/logout

The port may also be given as PORT.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from flask import Flask, request, session

# from flask_socketio import ...
from sockio.integrations.flask import (
    ConnectionRefusedError,
    SocketIO,
    emit,
    join_room,
    leave_room,
    rooms,
)

app = Flask(__name__)
# All workers need the same one.
app.secret_key = os.environ.get("SECRET_KEY", "only for this example")
socketio = SocketIO(app)


@app.post("/login")
def login() -> tuple[str, int]:
    session["name"] = request.form["name"]
    return "", 204


@app.post("/logout")
def logout() -> tuple[str, int]:
    socketio.emit("logged out", to=f"user:{session['name']}")
    socketio.io.in_(f"user:{session.pop('name')}").disconnect_sockets()
    return "", 204


@socketio.event
def connect() -> None:
    if "name" not in session:
        raise ConnectionRefusedError("log in first")
    join_room(f"user:{session['name']}")


@socketio.on("enter")
def enter(room: str) -> None:
    join_room(f"room:{room}")
    emit("entered", (room, session["name"]), to=f"room:{room}")


@socketio.on("leave")
def leave(room: str) -> None:
    leave_room(f"room:{room}")
    emit("left", (room, session["name"]), to=f"room:{room}")


@socketio.on("say")
def say(room: str, text: str) -> dict[str, Any]:
    if f"room:{room}" not in rooms():
        return {"error": "enter the room first"}
    emit("said", (room, session["name"], text), to=f"room:{room}", include_self=False)
    return {"said": text}


@socketio.on("disconnect")
def disconnected(reason: str) -> None:
    for room in rooms():
        if room.startswith("room:"):
            emit("left", (room.removeprefix("room:"), session["name"]), to=room)


if __name__ == "__main__":
    port = int(sys.argv[1] if len(sys.argv) > 1 else os.environ.get("PORT", "3000"))
    socketio.run(app, port=port)
