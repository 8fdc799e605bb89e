"""Mirror: what a server tells another one beforehand, so that it may be killed.

The other server has the events too, but gets them in another order. So it is told in
which order they were logged here, under which offsets, and which sessions there are.
All that is told goes in order, from a beginning on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING

from sockio.adapters.adapter import LocalNamespace, Session
from sockio.adapters.recovery import Entry
from sockio.errors import EncodeError
from sockio.protocol.socketio.msgpack_parser import write
from sockio.runtime import logs
from sockio.types import Json, SocketId

from .messages import Message, MessageType
from .moves import entry_data, got_data, session_data
from .numbered_log import NumberedLog
from .pieces import Vector

if TYPE_CHECKING:
    from sockio.runtime.clock import Timer
    from sockio.runtime.reactor import Reactor

    from .bus import Bus

__all__ = ["Mirror"]

log = logs.get("adapters.recovery")

#: Seconds between two looks for changes of ``socket.data``.
INTERVAL = 2.0
#: Sessions looked at, or told, before others have their turn.
_TURN = 200


class _Watched:
    """A session of a socket that is connected here."""

    __slots__ = ("said", "session", "sid")

    def __init__(self, sid: SocketId, session: Callable[[], Session]) -> None:
        self.sid = sid
        #: Returns it as it is now.
        self.session = session
        #: What was told of it last; empty: nothing yet.
        self.said = b""


class Mirror:
    """What one server tells another one of a namespace."""

    def __init__(
        self,
        nsp: LocalNamespace,
        bus: Bus,
        heirs: Callable[[str], Sequence[str]],
        own: NumberedLog,
    ) -> None:
        """Tell nobody yet; and nobody ever unless the namespace wants it.

        Args:
            nsp: The namespace.
            bus: The way to the other server.
            heirs: Names those that may be told.
            own: The log of this server.
        """
        self._nsp = nsp
        self._bus = bus
        self._heirs = heirs
        self._own = own
        self._uid = ""
        self._reactor: Reactor
        self._wanted = nsp.recovery_mirrored
        #: Who is told; None: there is nobody.
        self._heir: str | None = None
        #: By pid, and the pid by id of the socket.
        self._watched: dict[str, _Watched] = {}
        self._pids: dict[SocketId, str] = {}
        #: What is told when this pass of the loop ends.
        self._news: list[list[Json]] = []
        #: Sessions of which something has changed in this pass.
        self._changed: dict[str, None] = {}
        #: Whether that is due.
        self._due = False
        self._timer: Timer | None = None

    def open(self, uid: str, reactor: Reactor) -> None:
        """Begin, as the adapter ``uid``."""
        self._uid = uid
        self._reactor = reactor

    def close(self) -> None:
        """Tell nothing more."""
        self._heir = None
        self._news.clear()
        self._changed.clear()
        self._watched.clear()
        self._pids.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # ---- who is told

    def met(self, uid: str, number: int) -> None:
        """Another server is there, which has sent so many events."""
        if self._heir is not None:
            self._tell(["met", uid, number])
        elif self._uid and self._wanted:
            self._choose()

    def told(self, numbers: Vector) -> None:
        """Another server has told how many events it knows of each sender."""
        if self._heir is not None:
            self._tell(["told", numbers])

    def left(self, uid: str) -> None:
        """Another server has left."""
        if uid == self._heir:
            self._heir = None
            self._choose()
        elif self._heir is not None:
            self._tell(["left", uid])

    def _choose(self) -> None:
        """Tell the next one after this server, and begin from the beginning."""
        heirs = [uid for uid in self._heirs(self._nsp.name) if uid != self._uid]
        later = [uid for uid in heirs if uid > self._uid]
        self._heir = min(later or heirs, default=None)
        self._news.clear()
        self._changed.clear()
        if self._heir is None:
            return
        self._tell(["begin", self._own.vector(), self._own.newest is not None])
        for pid, watched in self._watched.items():
            watched.said = b""
            self._change(pid)
        if self._timer is None:
            self._look_later()

    # ---- events

    def logged(self, offset: str, sender: str, number: int) -> None:
        """An event was logged that all servers get."""
        if self._heir is not None:
            self._tell(["event", offset, sender, number])

    def logged_here(self, entry: Entry) -> None:
        """An event was logged that the other servers do not get."""
        if self._heir is not None:
            now = self._nsp.clock.now()
            self._tell(["own", entry_data(entry, True, now, self._nsp, {})])

    # ---- sessions

    def watch(self, pid: str, sid: SocketId, session: Callable[[], Session]) -> None:
        """A client was let in, whose socket has this session."""
        if self._wanted:
            self._watched[pid] = _Watched(sid, session)
            self._pids[sid] = pid
            self._change(pid)

    def moved(self, sid: SocketId) -> None:
        """A socket has entered or left rooms."""
        pid = self._pids.get(sid)
        if pid is not None:
            self._change(pid)

    def kept(self, pid: str) -> None:
        """The connection of a client broke, and its session is kept."""
        watched = self._watched.pop(pid, None)
        if watched is None or self._heir is None:
            return
        self._pids.pop(watched.sid, None)
        self._changed.pop(pid, None)
        self._renew(pid, watched)
        self._tell(["kept", pid])

    def over(self, pid: str) -> None:
        """There is no such session here any more."""
        watched = self._watched.pop(pid, None)
        if watched is not None:
            self._pids.pop(watched.sid, None)
        self._changed.pop(pid, None)
        if self._heir is not None:
            self._tell(["over", pid])

    def _change(self, pid: str) -> None:
        if self._heir is not None:
            self._changed[pid] = None
            self._flush_soon()

    def _renew(self, pid: str, watched: _Watched) -> None:
        """Tell what has changed of a session."""
        session = watched.session()
        try:
            said = write(session_data(session))
        except (EncodeError, RecursionError) as exc:
            said = b""
            if watched.said:
                log.debug("namespace=%r a session is not told: %s", self._nsp.name, exc)
                self._tell(["over", pid])
        else:
            if not watched.said:
                self._tell(["session", pid, said, *self._beginning(session)])
            elif said != watched.said:
                self._tell(["change", pid, said])
        watched.said = said

    def _beginning(self, session: Session) -> Iterator[Json]:
        """Yield what is told of a session once."""
        last, certain = self._own.last_of(session.rooms)
        yield session.since
        yield None if last is None else last.offset
        yield certain
        yield self._own.ahead(session.sid)
        yield got_data(session.inherited, self._nsp.clock.now(), self._nsp, {})

    # ---- now and then

    def _look_later(self) -> None:
        self._timer = self._nsp.clock.call_later(INTERVAL, self._look)

    def _look(self) -> None:
        """See whether ``socket.data`` is another one, which nobody tells us."""
        self._timer = None
        if self._heir is not None:
            for pid in self._watched:
                self._change(pid)
            self._look_later()

    # ---- telling

    def _tell(self, news: list[Json]) -> None:
        self._news.append(news)
        self._flush_soon()

    def _flush_soon(self) -> None:
        if not self._due:
            self._due = True
            self._reactor.soon(self._flush)

    def _flush(self) -> None:
        """Say what is new, and look at some of the sessions that have changed."""
        for pid in list(islice(self._changed, _TURN)):
            del self._changed[pid]
            watched = self._watched.get(pid)
            if watched is not None:
                self._renew(pid, watched)
        self._due = False
        news, self._news = self._news, []
        if self._changed:
            self._flush_soon()
        if news and self._heir is not None:
            data: Mapping[str, Json] = {"news": news}
            kind = MessageType.MIRROR
            self._bus.reply(self._heir, Message(self._uid, self._nsp.name, kind, data))
