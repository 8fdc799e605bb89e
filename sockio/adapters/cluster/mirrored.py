"""Mirrored: what other servers have told beforehand, in case they are killed."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sockio.adapters.adapter import LocalNamespace
from sockio.adapters.recovery import KeptSession, Limits, Mark
from sockio.errors import ProtocolError
from sockio.runtime import logs

from .messages import decode_value
from .moves import entry_in, got_in, number_in, numbers_in, session_in
from .numbered_log import NumberedLog

__all__ = ["Mirrored", "Mirrors"]

log = logs.get("adapters.recovery")

#: News that may wait for an event that has not arrived here yet.
_MOST = 10_000
#: Sessions of one server that are remembered.
_SESSIONS = Limits().sessions


@dataclass(slots=True)
class _Told:
    """What was told of a session."""

    #: Encoded until it is needed.
    content: bytes
    since: str | None
    #: Where the log was when the session was told for the first time, and its last
    #: event before that.
    position: int
    last: str | None
    certain: bool
    ahead: Mapping[str, int]
    got: Any
    #: When the connection broke; None: it has not.
    broken: float | None = None


class Mirrors:
    """What each of the other servers has told."""

    def __init__(self, nsp: LocalNamespace, duration: float, own: NumberedLog) -> None:
        """Know nothing yet; see ``Mirrored``."""
        self._nsp = nsp
        self._duration = duration
        self._own = own
        #: By adapter.
        self._mirrored: dict[str, Mirrored] = {}
        #: By pid, what waits until it is known whether the server that has the session
        #: lives.
        self._waiting: dict[str, list[Callable[[], object]]] = {}

    def take(self, uid: str, news: Any) -> None:
        """Take what another server tells; if it cannot be read, forget all of it.

        Raises:
            ProtocolError: It cannot be read.
        """
        match news:
            case [["begin", *_], *_]:
                self._forget(uid)
                mirrored = Mirrored(self._nsp, self._duration, self._own)
                self._mirrored[uid] = mirrored
            case list() if uid in self._mirrored:
                mirrored = self._mirrored[uid]
            case list():
                return
            case _:
                raise ProtocolError("the news of another log are no list")
        try:
            mirrored.take(news)
        except ProtocolError:
            self._forget(uid)
            raise
        finally:
            self.settle()

    def go_on(self) -> None:
        """Carry out what waited for an event that has arrived by now."""
        for uid, mirrored in list(self._mirrored.items()):
            try:
                mirrored.go_on()
            except ProtocolError as exc:
                log.debug("namespace=%r %s", self._nsp.name, exc.reason)
                self._forget(uid)

    def left(self, uid: str) -> NumberedLog | None:
        """Another server has left; return its log if it had told anything."""
        mirrored = self._mirrored.pop(uid, None)
        inherited = None
        if mirrored is not None:
            try:
                inherited = mirrored.end()
            except ProtocolError as exc:
                log.debug("namespace=%r %s", self._nsp.name, exc.reason)
                mirrored.close()
        self.go_on()
        # Those who wait are told when the log is where it belongs.
        return inherited

    def when_known(self, pid: str, fn: Callable[[], object]) -> None:
        """Call ``fn`` once no server that lives has told of this session.

        As long as such a server lives it has the session, and answers for itself.
        """
        if self._has(pid):
            self._waiting.setdefault(pid, []).append(fn)
        else:
            fn()

    def settle(self) -> None:
        """Call what has waited long enough."""
        for pid in [pid for pid in self._waiting if not self._has(pid)]:
            for fn in self._waiting.pop(pid):
                fn()

    def close(self) -> None:
        """Forget everything."""
        for mirrored in self._mirrored.values():
            mirrored.close()
        self._mirrored.clear()
        self._waiting.clear()

    def _has(self, pid: str) -> bool:
        return any(pid in mirrored for mirrored in self._mirrored.values())

    def _forget(self, uid: str) -> None:
        mirrored = self._mirrored.pop(uid, None)
        if mirrored is not None:
            mirrored.close()


class Mirrored:
    """The log of another server, which this one makes from its own."""

    def __init__(self, nsp: LocalNamespace, duration: float, own: NumberedLog) -> None:
        """Know nothing yet.

        Args:
            nsp: The namespace.
            duration: Seconds for which events and sessions are kept.
            own: The log of this server.
        """
        self._nsp = nsp
        self._duration = duration
        self._own = own
        self._log = NumberedLog(nsp.clock, duration)
        #: By pid.
        self._sessions: dict[str, _Told] = {}
        #: What is to be carried out, in order.
        self._news: deque[Any] = deque()

    def __contains__(self, pid: str) -> bool:
        return pid in self._sessions

    def take(self, news: Sequence[Any]) -> None:
        """Take what the other server tells.

        Raises:
            ProtocolError: It cannot be read.
        """
        self._news.extend(news)
        self.go_on()

    def go_on(self) -> None:
        """Carry out what was told, as far as the events have arrived here, too.

        Raises:
            ProtocolError: It cannot be read.
        """
        while self._news and (self._is_here(self._news[0]) or len(self._news) > _MOST):
            self._do(self._news.popleft())

    def end(self) -> NumberedLog:
        """Return the log with its sessions: the other server has been killed."""
        # Who has got an event that has not arrived here gets a new socket.
        late = False
        for news in self._news:
            late = late or not self._is_here(news)
            if not (late and news[0] in ("event", "own")):
                self._do(news)
        self._news.clear()
        now = self._nsp.clock.now()
        for pid, told in sorted(self._sessions.items(), key=lambda item: _age(item[1])):
            self._place(pid, told, now)
        self._sessions.clear()
        return self._log

    def close(self) -> None:
        """Forget everything."""
        self._log.close()
        self._sessions.clear()
        self._news.clear()

    # ------------------------------------------------------------------ what is told

    def _is_here(self, news: Any) -> bool:
        """Whether it can be carried out: an event must have arrived here."""
        match news:
            case ["event", _, str(sender), int(number)]:
                return not self._own.expects(sender, number)
        return True

    def _do(self, news: Any) -> None:
        match news:
            case ["event", str(offset), str(sender), int(number)]:
                self._log.repeat(offset, sender, number, self._own)
            case ["own", said]:
                now, find = self._nsp.clock.now(), self._own.piece
                self._log.repeat_entry(entry_in(said, now, self._nsp, find))
            case [
                "session",
                str(pid),
                bytes(content),
                str() | None as since,
                str() | None as last,
                bool(certain),
                ahead,
                got,
            ]:
                self._sessions[pid] = _Told(
                    content,
                    since,
                    self._log.next,
                    last,
                    certain,
                    numbers_in(ahead),
                    got,
                )
                if len(self._sessions) > _SESSIONS:
                    del self._sessions[next(iter(self._sessions))]
            case ["change", str(pid), bytes(content)]:
                if pid in self._sessions:
                    self._sessions[pid].content = content
            case ["kept", str(pid)]:
                if pid in self._sessions:
                    self._sessions[pid].broken = self._nsp.clock.now()
            case ["over", str(pid)]:
                self._sessions.pop(pid, None)
            case ["met", str(sender), number]:
                self._log.met(sender, number_in(number))
            case ["told", numbers]:
                self._log.told(numbers_in(numbers))
            case ["left", str(sender)]:
                self._log.left(sender)
            case ["begin", numbers, bool(earlier)]:
                if earlier:
                    # There were events that we do not know.
                    self._log.begin_at(1)
                for sender, number in numbers_in(numbers).items():
                    self._log.met(sender, number)
            case _:
                raise ProtocolError("news of another log cannot be read")

    def _place(self, pid: str, told: _Told, now: float) -> None:
        """Keep a session, so that its client may come back."""
        expires = (now if told.broken is None else told.broken) + self._duration
        if expires <= now:
            return
        try:
            session = session_in(decode_value(told.content), pid)
            got = got_in(told.got, now, self._nsp, self._own.piece)
        except ProtocolError as exc:
            log.debug("namespace=%r a session is lost: %s", self._nsp.name, exc.reason)
            return
        session = replace(session, since=told.since, inherited=got)
        last = None
        if told.last is not None:
            last = Mark(told.position - 1, told.last, frozenset())
        kept = KeptSession(session, expires, told.position, last, told.certain)
        self._log.place_session(kept, told.ahead)


def _age(told: _Told) -> tuple[bool, float]:
    """Return the sort key that puts those first whose connection broke first."""
    return told.broken is None, told.broken or 0.0
