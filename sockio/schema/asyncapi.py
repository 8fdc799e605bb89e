"""AsyncAPI: the events of a server as a document of AsyncAPI 3."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

from msgspec.json import schema_components

from sockio.socket.validation import Parameter

from .events import Channel, Described
from .gathering import Schema

__all__ = ["asyncapi"]

_WHERE = "#/components/schemas/{name}"
_ERROR = {
    "description": "What answers an event that the server has rejected.",
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["message"],
            "properties": {"message": {"type": "string"}, "path": {"type": "string"}},
        }
    },
}


def asyncapi(schema: Schema, title: str) -> str:
    """Return a document of AsyncAPI 3, as JSON.

    A channel is a namespace. The payload of a message is the list of the event's
    arguments, as it is in the packet.
    """
    writer = _Writer(error_answers=schema.error_answers)
    for channel in schema.channels:
        writer.add(channel)
    document = {
        "asyncapi": "3.0.0",
        "info": {
            "title": title,
            "version": "0.0.0",
            "description": "Events of Socket.IO. Written by `python -m sockio schema`.",
        },
        "defaultContentType": "application/json",
        "channels": writer.channels,
        "operations": writer.operations,
        "components": {"schemas": writer.schemas},
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


class _Writer:
    """The parts of a document."""

    def __init__(self, *, error_answers: bool) -> None:
        self._error_answers = error_answers
        self.channels: dict[str, Any] = {}
        self.operations: dict[str, Any] = {}
        self.schemas: dict[str, Any] = {}

    def add(self, channel: Channel) -> None:
        """Add the events of a namespace."""
        key = _new_key(channel.name.strip("/") or "main", self.channels)
        messages: dict[str, Any] = {}
        self.channels[key] = {"address": channel.name, "messages": messages}
        for action, events in (("receive", channel.received), ("send", channel.sent)):
            for event in events.values():
                self._operation(key, messages, action, event)

    def _operation(
        self, channel: str, messages: dict[str, Any], action: str, event: Described
    ) -> None:
        where = {"$ref": f"#/channels/{channel}"}

        def message(name: str, payload: Any) -> dict[str, str]:
            key = _new_key(name, messages)
            messages[key] = {"name": name, "payload": payload}
            return {"$ref": f"#/channels/{channel}/messages/{key}"}

        payload = self._arguments(event.parameters)
        operation: dict[str, Any] = {
            "action": action,
            "channel": where,
            "messages": [message(event.name, payload)],
        }
        if event.answer is not None:
            answers = [message(f"{event.name} answer", self._answer(event.answer))]
            if self._error_answers and action == "receive":
                self.schemas["EventError"] = _ERROR
                error = {"$ref": _WHERE.format(name="EventError")}
                answers.append(message(f"{event.name} error", _list([error])))
            operation["reply"] = {"channel": where, "messages": answers}
        key = _new_key(f"{channel} {action} {event.name}", self.operations)
        self.operations[key] = operation

    def _arguments(self, found: Iterable[Parameter]) -> dict[str, Any]:
        found = list(found)
        items = [self._schema(each.type, each.name) for each in found if not each.rest]
        rest = [self._schema(each.type, each.name) for each in found if each.rest]
        least = sum(not (each.optional or each.rest) for each in found)
        return _list(items, least=least, rest=rest[0] if rest else False)

    def _answer(self, type_: Any) -> dict[str, Any]:
        if type_ is Any:
            return {"type": "array"}
        items = self._schema(type_)
        if "items" in items and items.get("additionalItems") is False:
            return items  # a tuple: several arguments
        return _list([items])

    def _schema(self, type_: Any, title: str | None = None) -> dict[str, Any]:
        try:
            (schema,), components = schema_components([type_], ref_template=_WHERE)
        except (TypeError, NameError):  # there is no such type in JSON
            schema, components = {}, {}
        self.schemas.update({k: _older(v) for k, v in components.items()})
        schema = dict(_older(schema))
        if title is None:
            return schema
        # Beside a reference nothing else counts.
        return {"title": title, **({"allOf": [schema]} if "$ref" in schema else schema)}


def _list(
    items: list[Any], *, least: int | None = None, rest: Any = False
) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "array"}
    if items:
        schema |= {"items": items, "additionalItems": rest}
        schema["minItems"] = len(items) if least is None else least
    elif rest:
        schema["items"] = rest
    else:
        schema["maxItems"] = 0
    return schema


def _older(schema: Any) -> Any:
    """Write a schema as AsyncAPI's, which are those of JSON Schema's draft 7.

    Bytes are attachments, not text in base64.
    """
    if isinstance(schema, list):
        return [_older(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("contentEncoding") == "base64":
        return {"type": "string", "format": "binary"}
    # A discriminator is OpenAPI's; the tags are constants of the schemas anyway.
    found = {k: _older(v) for k, v in schema.items() if k != "discriminator"}
    if "prefixItems" in found:
        found["additionalItems"] = found.pop("items", True)
        found["items"] = found.pop("prefixItems")
    return found


def _new_key(name: str, known: dict[str, Any]) -> str:
    """Return a key that is not known yet, of characters that every reader accepts."""
    key = re.sub(r"[^A-Za-z0-9]+", "_", name).strip("_") or "_"
    while key in known:
        key += "_"
    return key
