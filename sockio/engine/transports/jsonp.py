"""JSONP: polling wrapped in a script call, for pages that can only load scripts.

A GET is answered with a script that calls a function with the payload; a POST comes
from a form whose field ``d`` is the payload. A payload is text here, in protocol 3 too.
Spec: Engine.IO protocol v3, "Transports", "JSONP".
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from urllib.parse import unquote_to_bytes

import orjson

from sockio.engine.options import EngineOptions
from sockio.protocol.engineio.packet import Packet
from sockio.protocol.engineio.wire import Wire
from sockio.runtime.reactor import Reactor

from .polling import PollingTransport
from .polling_v3 import PollingV3Transport

__all__ = ["JsonpTransport", "JsonpV3Transport", "payload_of", "script"]

_NO_DIGIT = re.compile("[^0-9]")
#: How the field begins, with a value and without.
_NAMES = ("&d=", "&d&", "&%64=", "&%64&")


class JsonpTransport(PollingTransport):
    """The scripts and forms of one session."""

    takes_bytes = False

    def __init__(self, options: EngineOptions, reactor: Reactor, index: str) -> None:
        """``index`` is the query's ``j``: which of the page's functions to call."""
        super().__init__(options, reactor)
        # Anything but digits could run as code in the page.
        self._index = _NO_DIGIT.sub("", index)

    def _encode(self, wires: list[Wire]) -> str | bytes:
        payload = super()._encode(wires)
        assert isinstance(payload, str)
        return script(self._index, payload)

    def decode(self, payload: str | bytes) -> Iterator[Packet]:
        assert isinstance(payload, str)
        posted = payload_of(payload)
        return iter(()) if posted is None else super().decode(posted)


class JsonpV3Transport(JsonpTransport, PollingV3Transport):
    """The same in protocol 3; bytes are base64, whatever the client says."""


def script(index: str, payload: str) -> str:
    """Return the script that gives ``payload`` to the function of that index."""
    try:
        text = orjson.dumps(payload).decode()
    except orjson.JSONEncodeError:  # lone surrogates travel as escapes
        text = json.dumps(payload)
    # Two characters that JSON allows in a string end a line in older JavaScript.
    text = text.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    return f"___eio[{index}]({text});"


def payload_of(form: str) -> str | None:
    """Return the payload in the body of a form; None if there is not exactly one.

    Browsers change the newlines of a form's field. So clients write a newline as a
    backslash and an n, and add a backslash where the data itself has these two.
    """
    value = _only_field(form)
    if value is None:
        return None
    # Escaped bytes never complete a character that is not escaped, nor the other way
    # round: what is not escaped consists of whole characters.
    data = unquote_to_bytes(value.replace("+", " ").encode())
    payload = data.decode("utf-8", "replace")
    # First what the data itself has, since its end looks like a written newline.
    parts = payload.split("\\\\n")
    return "\\n".join([part.replace("\\n", "\n") for part in parts])


def _only_field(form: str) -> str | None:
    """Return the undecoded value of the field ``d``; None if there is not exactly one.

    The other fields, of which there may be a million, are not looked at.
    """
    form = f"&{form}&"
    found: list[int] = []
    for name in _NAMES:
        at = form.find(name)
        while at >= 0:
            found.append(at + len(name))
            if len(found) > 1:
                return None
            at = form.find(name, found[-1] - 1)
    if not found:
        return None
    (start,) = found
    return "" if form[start - 1] == "&" else form[start : form.index("&", start)]
