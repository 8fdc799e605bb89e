"""Moves: sessions on their way from one server to another (pure).

What a session has missed goes along: by sender and number, if the other server has
logged it too, else as it was encoded.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from logging import WARNING
from typing import Any, NamedTuple

from sockio.adapters.adapter import LocalNamespace, Session
from sockio.adapters.recovery import Entry, KeptSession, Mark, addressed, rooms_of
from sockio.errors import EncodeError, ProtocolError
from sockio.runtime import logs
from sockio.runtime.log_fields import fields
from sockio.types import Json

from .pieces import Inherited, Piece, Ranges, Vector

log = logs.get("adapters.recovery")

__all__ = [
    "Moved",
    "entry_data",
    "entry_in",
    "got_data",
    "got_in",
    "kept_data",
    "kept_in",
    "moved_data",
    "moved_in",
    "number_in",
    "numbers_in",
    "piece_data",
    "piece_in",
    "ranges_in",
    "session_data",
    "session_in",
]

#: Finds an event in the log here.
Find = Callable[[str, int], "Piece | None"]

_LEAVES = frozenset((str, int, float, bool, type(None), bytes))


class Moved(NamedTuple):
    """A session that another server has given up."""

    session: Session
    missed: list[Piece]
    #: How many events of each sender that server had logged.
    seen: Vector


# ---------------------------------------------------------------- writing


def session_data(session: Session) -> dict[str, Json]:
    """Return a session, without what it missed, in the form for a message.

    Raises:
        EncodeError: Its ``data`` would not arrive as it is.
    """
    said: dict[str, Json] = {"sid": session.sid, "rooms": list(session.rooms)}
    fields = session.fields
    if fields is None and _is_fields(session.data):
        fields = session.data
    if fields is not None:
        content: Any = dict(fields)
        said["fields"] = content
    else:
        content = session.data
        said["data"] = content
    _check(content)
    return said


def _is_fields(data: Any) -> bool:
    return isinstance(data, Mapping) and type(data) is not dict


def _check(value: Any) -> None:
    """Check that a value arrives as it is.

    Raises:
        EncodeError: A value in it would be something else there.
    """
    kind = type(value)
    if kind is dict:
        for key, item in value.items():
            if type(key) is not str:
                raise EncodeError(f"a key is of type {type(key).__name__}")
            _check(item)
    elif kind is list:
        for item in value:
            _check(item)
    elif kind not in _LEAVES:
        raise EncodeError(f"a value is of type {kind.__name__}")


def piece_data(piece: Piece, nsp: LocalNamespace, there: Ranges) -> list[Json]:
    """Return an event: what names it if it is in the other log, else itself."""
    offset, wire, sender, number = piece
    if sender:
        first, end = there.get(sender, (0, 0))
        if first <= number < end:
            return [sender, number]
    return [offset, sender, number, nsp.carriage.load(wire)]


def moved_data(moved: Moved, nsp: LocalNamespace, there: Ranges) -> dict[str, Any]:
    """Return a session with what it missed; empty: its ``data`` cannot travel."""
    session, missed, seen = moved
    try:
        said: dict[str, Any] = session_data(session)
    except (EncodeError, RecursionError) as exc:
        log.log(
            nsp.repeats.level(log, WARNING, "data-not-moved", nsp.name),
            "namespace=%r socket.data cannot go to another process, so its client "
            "gets a new socket: %s",
            nsp.name,
            exc,
            extra=fields(namespace=nsp.name),
        )
        return {}
    said["missed"] = [piece_data(each, nsp, there) for each in missed]
    said["seen"] = dict(seen)
    return said


def entry_data(
    entry: Entry, needed: bool, now: float, nsp: LocalNamespace, there: Ranges
) -> list[Json]:
    """Return an event with its place in the log.

    Args:
        entry: The event.
        needed: Whether it may have been missed; else only its offset may be named.
        now: The present time.
        nsp: The namespace.
        there: What the other server has in its log.
    """
    position, offset, except_ = entry.mark
    said: list[Json] = [
        position,
        offset,
        entry.expires - now,
        entry.size if needed else 0,
    ]
    if needed:
        piece = piece_data(entry.packet, nsp, there)
        said += [list(except_), rooms_of(entry), piece]
    return said


def kept_data(
    kept: KeptSession, ahead: Vector, now: float, nsp: LocalNamespace, there: Ranges
) -> dict[str, Json]:
    """Return a session with its place in the log.

    Raises:
        EncodeError: Its ``data`` would not arrive as it is.
    """
    session, last = kept.session, kept.last
    said = session_data(session)
    said["pid"] = session.pid
    said["since"] = session.since
    said["at"] = [kept.expires - now, kept.position, kept.certain]
    said["last"] = None if last is None else list(last[:2])
    said["ahead"] = dict(ahead)
    said["got"] = got_data(session.inherited, now, nsp, there)
    return said


def got_data(
    got: Inherited | None, now: float, nsp: LocalNamespace, there: Ranges
) -> Json:
    """Return what a client got when it came from another server."""
    if got is None:
        return None
    pieces: list[Json] | None = None
    if got.pieces is not None:
        pieces = [piece_data(each, nsp, there) for each in got.pieces]
    return [got.offsets, pieces, got.expires - now]


# ---------------------------------------------------------------- reading


def session_in(said: Any, pid: str) -> Session:
    """Return a session.

    Raises:
        ProtocolError: It cannot be read; so do all functions here.
    """
    match said:
        case {"sid": str(sid), "rooms": list(rooms)}:
            fields = said.get("fields")
            if fields is not None and not isinstance(fields, dict):
                raise ProtocolError("a session has no fields")
            return Session(
                sid=sid,
                pid=pid,
                rooms=tuple(_texts(rooms)),
                data=said.get("data"),
                fields=fields,
            )
    raise ProtocolError("a session cannot be read")


def moved_in(said: Any, pid: str, nsp: LocalNamespace, find: Find) -> Moved:
    """Return a session that moves here."""
    session = session_in(said, pid)
    match said:
        case {"missed": list(missed), "seen": seen}:
            pieces = [piece_in(each, nsp, find) for each in missed]
            return Moved(session, pieces, numbers_in(seen))
    raise ProtocolError("a session has not missed what can be read")


def piece_in(said: Any, nsp: LocalNamespace, find: Find) -> Piece:
    """Return an event."""
    match said:
        case [str(sender), int(number)]:
            piece = find(sender, number)
            if piece is None:
                raise ProtocolError("an event has been dropped here meanwhile")
            return piece
        case [str(offset), str(sender), int(number), load]:
            wire = nsp.carriage.unload(load)
            if wire is not None:
                return Piece(offset, wire, sender, number)
    raise ProtocolError("an event cannot be read")


def entry_in(said: Any, now: float, nsp: LocalNamespace, find: Find) -> Entry:
    """Return an event with its place in the log."""
    match said:
        case [int(position), str(offset), float(left), int(size), *rest]:
            pass
        case _:
            raise ProtocolError("an event of a log cannot be read")
    match rest:
        case []:
            mark = Mark(position, offset, frozenset())
            return Entry(mark, (), Piece(offset, None), size, now + left)
        case [list(except_), list(rooms), piece]:
            mark = Mark(position, offset, frozenset(_texts(except_)))
            kept = piece_in(piece, nsp, find)
            return Entry(mark, addressed(_texts(rooms)), kept, size, now + left)
    raise ProtocolError("an event of a log cannot be read")


def kept_in(
    said: Any, now: float, nsp: LocalNamespace, find: Find
) -> tuple[KeptSession, Vector]:
    """Return a session with its place in the log, and what it is ahead of that log."""
    match said:
        case {
            "pid": str(pid),
            "since": str() | None as since,
            "at": [float(left), int(position), bool(certain)],
            "last": last,
            "ahead": ahead,
        }:
            session = session_in(said, pid)
            inherited = got_in(said.get("got"), now, nsp, find)
            session = replace(session, since=since, inherited=inherited)
            kept = KeptSession(session, now + left, position, _mark_in(last), certain)
            return kept, numbers_in(ahead)
    raise ProtocolError("a session of a log cannot be read")


def _mark_in(said: Any) -> Mark | None:
    match said:
        case None:
            return None
        case [int(position), str(offset)]:
            return Mark(position, offset, frozenset())
    raise ProtocolError("the last event of a session cannot be read")


def _texts(said: list[Any]) -> list[str]:
    """Return names of rooms and sockets."""
    if not all(type(text) is str for text in said):
        raise ProtocolError("the name of a room is no text")
    return said


def _offsets(said: list[Any]) -> list[str | None]:
    if not all(offset is None or type(offset) is str for offset in said):
        raise ProtocolError("an offset is no text")
    return said


def got_in(said: Any, now: float, nsp: LocalNamespace, find: Find) -> Inherited | None:
    """Return what a client got when it came from another server."""
    match said:
        case None:
            return None
        case [list(offsets), None, float(left)]:
            return Inherited(_offsets(offsets), None, now + left)
        case [list(offsets), list(pieces), float(left)]:
            kept = [piece_in(each, nsp, find) for each in pieces]
            return Inherited(_offsets(offsets), kept, now + left)
    raise ProtocolError("what a session got cannot be read")


def number_in(said: Any) -> int:
    """Return a number."""
    if type(said) is not int:
        raise ProtocolError("a number cannot be read")
    return said


def numbers_in(said: Any) -> dict[str, int]:
    """Return how many events there are of each sender."""
    if not isinstance(said, dict):
        raise ProtocolError("the numbers of events cannot be read")
    if not all(type(number) is int for number in said.values()):
        raise ProtocolError("the number of an event is no number")
    return said


def ranges_in(said: Any) -> dict[str, tuple[int, int]]:
    """Return which events are in another log."""
    if not isinstance(said, dict):
        raise ProtocolError("a log cannot be read")
    found = {}
    for sender, numbers in said.items():
        match numbers:
            case [int(first), int(end)]:
                found[sender] = (first, end)
            case _:
                raise ProtocolError("the events of a log cannot be read")
    return found
