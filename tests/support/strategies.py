"""Hypothesis strategies for what travels through the protocols."""

from __future__ import annotations

import re
from typing import Any

from hypothesis import strategies as st

from sockio.protocol import engineio, socketio
from sockio.protocol.socketio import RESERVED_EVENTS

__all__ = [
    "ack_ids",
    "cut",
    "divisions",
    "eio_packets",
    "json_values",
    "json_with_bytes",
    "look_alikes",
    "namespaces",
    "payloads",
    "sio_packets",
    "well_formed",
]

#: Every text that UTF-8 can carry.
texts = st.text(max_size=40)
#: Text with lone surrogates in it, as JSON can carry it.
texts_with_surrogates = st.text(
    st.one_of(st.characters(), st.characters(categories=["Cs"])), max_size=20
)
numbers = st.one_of(
    st.integers(-(2**63), 2**64 - 1), st.floats(allow_nan=False, allow_infinity=False)
)


def well_formed(text: str) -> str:
    """Return what UTF-8 carries of a text, as ``toWellFormed`` of JavaScript does."""

    def replace(found: re.Match[str]) -> str:
        high, low = (ord(half) for half in found[0])
        return chr(0x10000 + (high - 0xD800 << 10) + low - 0xDC00)

    joined = re.sub("[\ud800-\udbff][\udc00-\udfff]", replace, text)
    return re.sub("[\ud800-\udfff]", "\ufffd", joined)


def _trees(leaves: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.lists(inner, max_size=4),
            st.dictionaries(texts, inner, max_size=4),
            # The same object in two places.
            inner.map(lambda shared: [shared, {"again": shared}]),
        ),
        max_leaves=12,
    )


_json_leaves = st.one_of(
    st.none(), st.booleans(), numbers, texts, texts_with_surrogates
)

#: Anything that JSON carries and brings back as it was.
json_values = _trees(_json_leaves)

#: User data that could be taken for a placeholder.
look_alikes = st.fixed_dictionaries(
    {"_placeholder": st.sampled_from([False, 1, "true", None])},
    optional={"num": st.integers(-1, 3)},
)

#: JSON with bytes in it, at any depth, and with look-alikes of placeholders.
json_with_bytes = _trees(st.one_of(_json_leaves, st.binary(max_size=50), look_alikes))

#: What an event or acknowledgement carries, without its name.
payloads = st.lists(json_with_bytes, max_size=4)

#: Names of namespaces; a comma ends one on the wire.
namespaces = st.one_of(
    st.just("/"),
    st.sampled_from(["/admin", "/a/b", "/a?token=x&y={}", "/é😀", "/1", "/-", "/["]),
    st.text(
        st.characters(exclude_characters=",", exclude_categories=["Cs"]), max_size=60
    ).map("/".__add__),
)

ack_ids = st.one_of(
    st.integers(0, 2**53), st.sampled_from([0, 1, 2**31, 2**53 - 1, 2**53])
)

event_names = st.one_of(
    texts.filter(lambda name: name not in RESERVED_EVENTS),
    st.integers(0, 2**53),
    st.sampled_from(["error", "message", "Connect"]),
)


def _few_attachments(packet: socketio.Packet) -> bool:
    return _count_bytes(packet.data) <= 10


def _count_bytes(tree: Any) -> int:
    if isinstance(tree, bytes):
        return 1
    if isinstance(tree, dict):
        tree = list(tree.values())
    return sum(map(_count_bytes, tree)) if isinstance(tree, list) else 0


_objects = st.dictionaries(texts, json_values, max_size=4)


@st.composite
def _events(draw: st.DrawFn) -> socketio.Packet:
    data = [draw(event_names), *draw(payloads)]
    id = draw(st.none() | ack_ids)
    return socketio.Packet(socketio.PacketType.EVENT, draw(namespaces), data, id)


def _sio(
    kind: str, data: st.SearchStrategy[Any], ids: st.SearchStrategy[int | None]
) -> st.SearchStrategy[socketio.Packet]:
    type_of_it = st.just(socketio.PacketType[kind])
    return st.tuples(type_of_it, namespaces, data, ids).map(socketio.Packet._make)


#: Socket.IO packets that a client may send.
sio_packets = st.one_of(
    _events(),
    _sio("ACK", payloads, ack_ids),
    _sio("CONNECT", st.none() | _objects, st.none()),
    _sio("DISCONNECT", st.none(), st.none()),
    _sio("CONNECT_ERROR", texts | _objects, st.none()),
).filter(_few_attachments)


def eio_packets(version: int) -> st.SearchStrategy[engineio.Packet]:
    """Return a strategy for Engine.IO packets of a protocol version.

    A message always has data: on the wire, no data is the same as empty text.
    """
    if version == 4:
        # Version 4 separates the packets of a payload by this character.
        text = st.text(st.characters(exclude_characters="\x1e"), max_size=40)
    else:
        text = texts  # the codec of version 3 encodes its text as UTF-8
    message = engineio.PacketType.MESSAGE
    others = [kind for kind in engineio.PacketType if kind is not message]
    return st.one_of(
        st.tuples(st.just(message), text | st.binary(max_size=50)),
        st.tuples(st.sampled_from(others), st.none() | text.filter(bool)),
    ).map(lambda fields: engineio.Packet(*fields))


#: Where to cut a sequence of bytes: sizes of the pieces, used again and again.
divisions = st.lists(st.integers(1, 5000), min_size=1, max_size=8)


def cut(data: bytes, sizes: list[int]) -> list[bytes]:
    """Return ``data`` in pieces of those sizes."""
    pieces = []
    at = turn = 0
    while at < len(data):
        size = sizes[turn % len(sizes)]
        pieces.append(data[at : at + size])
        at += size
        turn += 1
    return pieces
