from __future__ import annotations

import json
from typing import Any

import pytest

from sockio.schema.asyncapi import asyncapi
from sockio.schema.gathering import gather
from tests.support import typed_shop


@pytest.fixture(scope="module")
def document() -> Any:
    return json.loads(asyncapi(gather(typed_shop.io), "shop:io"))


def message(document: Any, key: str, channel: str = "main") -> Any:
    return document["channels"][channel]["messages"][key]


def test_a_channel_is_a_namespace(document: Any) -> None:
    channels = document["channels"]

    assert document["asyncapi"] == "3.0.0"
    assert document["info"]["title"] == "shop:io"
    assert {key: each["address"] for key, each in channels.items()} == {
        "main": "/",
        "admin": "/admin",
        "room_d": r"^/room-\d+$",
    }


def test_the_payload_is_the_list_of_arguments(document: Any) -> None:
    assert message(document, "say") == {
        "name": "say",
        "payload": {
            "type": "array",
            "items": [
                {"title": "text", "type": "string"},
                {"title": "times", "type": "integer", "minimum": 1},
            ],
            "additionalItems": False,
            "minItems": 1,
        },
    }
    assert message(document, "tell")["payload"] == {
        "type": "array",
        "items": {"title": "words", "type": "string"},
    }
    places = message(document, "admin_alarm", "admin")["payload"]["additionalItems"]
    point = {"$ref": "#/components/schemas/Point"}
    assert places == {"title": "places", "allOf": [point]}
    imported = message(document, "imported")["payload"]["items"]
    assert imported == [{"title": "default"}, {"title": "plain"}]


def test_types_have_schemas_of_draft_7(document: Any) -> None:
    schemas = document["components"]["schemas"]

    assert schemas["Node"]["properties"]["picture"] == {
        "anyOf": [{"type": "string", "format": "binary"}, {"type": "null"}],
        "default": None,
    }
    assert schemas["Point"]["items"] == [{"type": "integer"}, {"type": "number"}]
    assert schemas["Point"]["maxItems"] == 2
    text = json.dumps(document)
    assert "prefixItems" not in text
    assert "discriminator" not in text


def test_operations_are_those_of_the_server(document: Any) -> None:
    operations = document["operations"]
    main = {"$ref": "#/channels/main"}

    def answers(key: str) -> list[Any]:
        keys = [each["$ref"] for each in operations[key]["reply"]["messages"]]
        return [message(document, each.rpartition("/")[2])["payload"] for each in keys]

    assert operations["main_send_moved"] == {
        "action": "send",
        "channel": main,
        "messages": [{"$ref": "#/channels/main/messages/moved"}],
    }
    assert answers("main_send_how_many") == [
        {
            "type": "array",
            "items": [{"type": "integer"}],
            "additionalItems": False,
            "minItems": 1,
        }
    ]
    several, error = answers("main_receive_later")
    assert [each["type"] for each in several["items"]] == ["string", "string"]
    assert error["items"] == [{"$ref": "#/components/schemas/EventError"}]
    assert answers("main_receive_bare")[0] == {"type": "array"}
    assert "reply" not in operations["main_receive_more"]


def test_an_event_without_arguments(document: Any) -> None:
    assert message(document, "ready")["payload"] == {"type": "array", "maxItems": 0}
