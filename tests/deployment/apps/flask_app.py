"""A Flask application with Socket.IO beside it, on one port."""

from __future__ import annotations

import flask

from .echo import io

flask_app = flask.Flask(__name__)


@flask_app.get("/")
def index() -> str:
    return "a page of Flask"


@flask_app.post("/form")
def form() -> str:
    io.emit("shouted", flask.request.form["text"])
    return "sent"


app = io.attach(flask_app)
