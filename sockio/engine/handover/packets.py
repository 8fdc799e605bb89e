"""Packets: what siblings send each other when they hand over requests.

A packet has a line with facts about the request, and what was received of it. Large
requests do not fit: what was received of them is in a file without a name, whose
descriptor goes with the connection's.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any, NamedTuple

import orjson

from sockio.siblings.link import PACKET

__all__ = ["Passed", "pack", "unpack"]

#: Most bytes of a request that go without a file.
_INLINE = PACKET


class Passed(NamedTuple):
    """A request on its way to the owner of its session."""

    #: The client's address, as its server gave it.
    address: Any
    #: The name of the listening socket on which the client came in; None: not known.
    listener: Any
    #: What was received and not answered: the request, and what follows it.
    early: bytes
    #: Bytes of the answer that the client has already.
    answered: int = 0
    #: Whether the giver waits for the answer, logs and counts the request.
    proxied: bool = False


def pack(passed: Passed) -> tuple[bytes, int | None]:
    """Return a packet, and the descriptor of a file that belongs to it, or None.

    The descriptor is the caller's to close.
    """
    address, listener, early, answered, proxied = passed
    inline = len(early) <= _INLINE
    facts = _dumps([_plain(address), _plain(listener), answered, proxied, inline])
    if inline:
        return facts + b"\n" + early, None
    file = os.memfd_create("sockio", os.MFD_CLOEXEC)
    with ExitStack() as undo:
        undo.callback(os.close, file)
        with open(file, "wb", closefd=False) as writer:
            writer.write(early)
        undo.pop_all()
    return facts + b"\n", file


def unpack(data: bytes, files: Sequence[int]) -> Passed:
    """Read a packet with the descriptors that came with it, but the connection's.

    Raises:
        ValueError: A sibling of another release has sent it.
    """
    line, end, early = data.partition(b"\n")
    try:
        address, listener, answered, proxied, inline = _loads(line)
        if not end or type(answered) is not int or len(files) != (0 if inline else 1):
            raise ValueError("facts that do not fit together")
        passed = Passed(
            _address(address), _address(listener), early, answered, bool(proxied)
        )
    except (KeyError, TypeError, ValueError) as exc:
        raise ValueError(f"a packet of another release: {line!r}") from exc
    if files:
        with open(files[0], "rb", closefd=False) as reader:
            reader.seek(0)
            passed = passed._replace(early=reader.read())
    return passed


def _dumps(facts: list[Any]) -> bytes:
    try:
        return orjson.dumps(facts)
    except TypeError:  # the path of a socket may not be text
        return json.dumps(facts).encode()


def _loads(line: bytes) -> Any:
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        return json.loads(line)


def _plain(address: Any) -> Any:
    """Return an address of a socket as JSON can carry it; abstract names are bytes."""
    return {"name": address.hex()} if isinstance(address, bytes) else address


def _address(value: Any) -> Any:
    if isinstance(value, dict):
        return bytes.fromhex(value["name"])
    return tuple(value) if isinstance(value, list) else value
