"""Telling: what a client sees, as lines for people or as JSON for scripts."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["as_line", "as_object", "plain", "shown"]

#: Bytes that are shown of binary data.
_FIRST = 16

#: Makes a line of what has happened, and what belongs to it.
Telling = Callable[[str, Mapping[str, Any]], str]


def as_object(what: str, fields: Mapping[str, Any]) -> str:
    """Return one JSON object; bytes are ``{"base64": "..."}``."""
    return json.dumps({"type": what, **fields}, default=_for_json)


def _for_json(value: Any) -> Any:
    if isinstance(value, bytes | bytearray | memoryview):
        return {"base64": b64encode(value).decode()}
    return str(value)  # such as a time, which MessagePack has


def as_line(what: str, fields: Mapping[str, Any]) -> str:
    """Return a line for people."""
    namespace = fields.get("namespace")
    where = f"{namespace} " if namespace not in (None, "/") else ""
    args = ", ".join(shown(each) for each in fields.get("args", ()))
    match what:
        case "open":
            text = f"connected over {fields['transport']}"
        case "connect":
            again = ", recovered" if fields["recovered"] else ""
            text = f"joined as {plain(fields['sid'])}{again}"
        case "refused":
            data = fields.get("data")
            more = "" if data is None else f" {shown(data)}"
            text = f"refused: {plain(fields['message'])}{more}"
        case "event":
            asks = f"  (answer with: ack {fields['id']})" if "id" in fields else ""
            text = f"< {plain(fields['event'])} {args}".rstrip() + asks
        case "ack":
            text = f"< answer to {plain(fields['event'])}: {args}".rstrip()
        case "disconnect":
            text = f"disconnected: {plain(fields['reason'])}"
        case _:
            text = f"{what}: {plain(fields['message'])}"
    return where + text


def shown(value: Any) -> str:
    """Return a value as JSON, with the size and the first of its bytes."""
    if isinstance(value, bytes | bytearray | memoryview):
        data = bytes(value)
        more = " ..." if len(data) > _FIRST else ""
        return f"<{len(data)} bytes: {data[:_FIRST].hex(' ')}{more}>"
    if isinstance(value, dict):
        inner = (f"{json.dumps(k)}: {shown(v)}" for k, v in value.items())
        return f"{{{', '.join(inner)}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(shown, value))}]"
    return json.dumps(value, default=str)


def plain(text: Any) -> str:
    """Return a text of the server; what could steer a terminal is escaped."""
    return text if isinstance(text, str) and text.isprintable() else json.dumps(text)
