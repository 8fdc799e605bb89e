"""The application's JSON in packets."""

from __future__ import annotations

import datetime
import json
from typing import Any

import flask
from flask.json.provider import DefaultJSONProvider

from sockio.integrations.flask.json_codec import FlaskJson
from sockio.protocol.socketio import JsonParser
from sockio.protocol.socketio.packet import Packet, PacketType


class Upper(DefaultJSONProvider):
    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        assert flask.current_app
        return str(super().loads(s, **kwargs)).upper()


def test_flask_converts_what_json_does_not_know_and_bytes_travel() -> None:
    app = flask.Flask("shop")
    parser = JsonParser(FlaskJson.of(flask.json, app))
    data = ["x", datetime.date(2026, 1, 2), b"bytes"]

    frames = parser.encode(Packet(PacketType.EVENT, "/", data))

    assert frames == [
        '51-["x","Fri, 02 Jan 2026 00:00:00 GMT",{"_placeholder":true,"num":0}]',
        b"bytes",
    ]


def test_the_provider_reads_in_a_context_of_the_application() -> None:
    app = flask.Flask("shop")
    app.json = Upper(app)
    codec = FlaskJson.of(app.json, app)

    assert codec.loads('"x"') == "X"
    with app.app_context():
        assert codec.loads('"y"') == "Y"


def test_other_modules_are_used_as_they_are() -> None:
    assert FlaskJson.of(json, flask.Flask("shop")) is json
