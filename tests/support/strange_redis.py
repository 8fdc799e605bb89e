"""Strange messages for Node's adapters on Redis: garbage and near misses."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Iterator
from typing import Any

import msgpack

_VALUES: list[Any] = [None, 7, -1, 1.5, "x", "", [], {}, [1], [[]], True, b"x"]
_VALUES += [{"rooms": 1}, {"flags": []}, {"rooms": [], "except": []}, [None], 2**63]


def real(nsp: str = "/") -> list[tuple[str, Any]]:
    """Return one message of each type: the kind of channel, and its content."""
    opts = {"rooms": ["r"], "except": ["q"], "flags": {}}
    packet = {"type": 2, "data": ["x", 1], "nsp": nsp}
    requests: list[dict[str, Any]] = [
        {"type": 0, "requestId": "a", "rooms": ["r"]},
        {"type": 1, "requestId": "a"},
        {"type": 2, "opts": opts, "rooms": ["s"]},
        {"type": 2, "requestId": "a", "sid": "sid", "room": "r"},
        {"type": 3, "opts": opts, "rooms": ["s"]},
        {"type": 3, "requestId": "a", "sid": "sid", "room": "r"},
        {"type": 4, "opts": opts, "close": False},
        {"type": 4, "requestId": "a", "sid": "sid", "close": False},
        {"type": 5, "requestId": "a", "opts": opts},
        {"type": 6, "data": ["x", 1]},
        {"type": 6, "requestId": "a", "data": ["x", 1]},
        {"type": 7, "requestId": "a", "packet": packet, "opts": opts},
        {"type": 13},
    ]
    responses: list[dict[str, Any]] = [
        {"requestId": "a", "sockets": ["sid"]},
        {"requestId": "a", "sockets": [{"id": "s", "handshake": {}, "rooms": []}]},
        {"requestId": "a", "rooms": ["r"]},
        {"requestId": "a"},
        {"type": 6, "requestId": "a", "data": 1},
        {"type": 8, "requestId": "a", "clientCount": 1},
        {"type": 9, "requestId": "a", "packet": 1},
        {"type": 14, "requestId": "a"},
    ]
    found: list[tuple[str, Any]] = [("", ["uid", packet, opts])]
    found += [("-request", {"uid": "uid", **request}) for request in requests]
    return found + [("-response", response) for response in responses]


def real_sharded(nsp: str = "/") -> list[tuple[str, Any]]:
    """Return one message of each type of the sharded adapter, in the same way."""
    opts = {"rooms": ["r"], "except": ["q"], "flags": {}}
    packet = {"type": 2, "data": ["x", 1]}
    found: list[tuple[int, Any]] = [
        (1, None),
        (3, {"packet": packet, "opts": opts}),
        (3, {"packet": packet, "opts": opts, "requestId": "a"}),
        (4, {"opts": opts, "rooms": ["s"]}),
        (5, {"opts": opts, "rooms": ["s"]}),
        (6, {"opts": opts, "close": False}),
        (7, {"opts": opts, "requestId": "a"}),
        (8, {"requestId": "a", "sockets": [{"id": "s", "handshake": {}, "rooms": []}]}),
        (9, {"packet": ["x", 1]}),
        (9, {"packet": ["x", 1], "requestId": "a"}),
        (10, {"requestId": "a", "packet": 1}),
        (11, {"requestId": "a", "clientCount": 1}),
        (12, {"requestId": "a", "packet": 1}),
        (13, None),
        (14, {"requestId": "a"}),
        (17, {}),
    ]
    return [
        ("", {"uid": "uid", "nsp": nsp, "type": kind, "data": data})
        for kind, data in found
    ]


def strange(
    prefix: str, number: int, nsp: str = "/", sharded: bool = False
) -> Iterator[tuple[bytes, bytes]]:
    """Yield channels and messages, always the same ones; none disconnects sockets."""
    chance = random.Random(7)
    messages = real_sharded(nsp) if sharded else real(nsp)
    disconnect = 6 if sharded else 4
    for _ in range(number):
        where, content = chance.choice(messages)
        content = _mutated(content, chance)
        if isinstance(content, dict) and content.get("type") == disconnect:
            content["type"] = 99
        yield f"{prefix}{where}#{nsp}#".encode(), _written(content, chance)


def strange_entries(uid: str, number: int) -> Iterator[list[bytes]]:
    """Yield entries of a stream: fields and values; none disconnects sockets.

    Args:
        uid: Of a server, which seems to have added some of them.
        number: How many.
    """
    chance = random.Random(9)
    messages = [message for _, message in real_sharded() if message["type"] != 6]
    for _ in range(number):
        message = chance.choice(messages)
        fields = {name: str(value).encode() for name, value in message.items()}
        fields["uid"] = chance.choice(["uid", uid]).encode()
        fields["data"] = _written(_mutated(message["data"], chance), chance)
        if chance.random() < 0.5:
            fields["data"] = base64.b64encode(fields["data"])
        if chance.random() < 0.2:
            fields["number"] = chance.choice([b"1", b"99999", b"x", b""])
        if chance.random() < 0.3:
            fields[chance.choice(list(fields))] = chance.randbytes(3)
        if chance.random() < 0.1:
            del fields[chance.choice(list(fields))]
        pairs = ((name.encode(), value) for name, value in fields.items())
        yield [word for pair in pairs for word in pair]


def _written(content: Any, chance: random.Random) -> bytes:
    if chance.random() < 0.1:
        return chance.randbytes(chance.randrange(40))
    if chance.random() < 0.5:
        try:
            data = json.dumps(content).encode()
        except TypeError:
            data = msgpack.packb(content)
    else:
        data = msgpack.packb(content)
    if chance.random() < 0.2:
        return data[: chance.randrange(len(data))]
    return data


def _mutated(content: Any, chance: random.Random) -> Any:
    """Replace or remove something in a tree."""
    if chance.random() < 0.15 or not isinstance(content, dict | list) or not content:
        return chance.choice(_VALUES)
    content = content.copy()
    keys = list(content) if isinstance(content, dict) else list(range(len(content)))
    key = chance.choice(keys)
    if chance.random() < 0.3:
        del content[key]
    elif chance.random() < 0.7:
        content[key] = _mutated(content[key], chance)
    return content
