"""A Flask application with sockio's SocketIO; as a program, served in some way.

python -m tests.deployment.apps.flask_chat WAY [FILE]
"""

from __future__ import annotations

import sys

PATCHED = __name__ == "__main__" and sys.argv[1] == "patched"
if PATCHED:
    from gevent import monkey

    monkey.patch_all()

import logging  # noqa: E402 - only after the process was patched
import os  # noqa: E402
from typing import Any  # noqa: E402

import flask  # noqa: E402

from sockio.integrations.flask import SocketIO, emit, join_room  # noqa: E402

app = flask.Flask("flask_chat")
app.secret_key = "secret"
socketio = SocketIO(app)


@app.get("/")
def index() -> str:
    return f"a page for {flask.request.remote_addr}"


@app.get("/fail")
def fail() -> str:
    raise ZeroDivisionError("failed on purpose")


@app.get("/stop")
def stop() -> str:
    socketio.stop()
    return "stopping"


@socketio.event
def connect() -> None:
    join_room("all")
    emit("here", os.getpid())


@socketio.event
def say(*args: Any) -> str:
    emit("said", args, to="all")
    return flask.current_app.name


class Proxy:
    """Does what Werkzeug's ProxyFix does, for every request."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    def __call__(self, environ: Any, start_response: Any) -> Any:
        return self.inner({**environ, "REMOTE_ADDR": "10.1.2.3"}, start_response)


def main(way: str, *files: str) -> None:
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    if way in ("patched", "threads"):
        app.run("127.0.0.1", 0)
    elif way == "debug":
        socketio.run(app, port=0, debug=True, use_reloader=False)
    elif way == "reload":
        options = {"interval": 0.1, "reloader_type": "stat"}
        socketio.run(
            app, port=0, use_reloader=True, reloader_options=options, extra_files=files
        )
    else:
        if way == "behind a proxy":
            app.wsgi_app = Proxy(app.wsgi_app)  # type: ignore[method-assign]
        socketio.run(app, port=0)
        print("run() has returned")


if __name__ == "__main__":
    main(*sys.argv[1:])
