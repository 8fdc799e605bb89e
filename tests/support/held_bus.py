"""HeldBus: a bus whose broker is as slow as a test wants it to be."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from sockio.adapters import (
    Account,
    Bus,
    LocalNamespace,
    LocalRooms,
    Log,
    Message,
    Session,
)
from sockio.adapters.cluster.bus import OwnLogs, Receive
from sockio.runtime.reactor import Reactor


class HeldBus:
    """Holds back messages, in order, until the test lets them go."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._waiting: deque[Callable[[], object]] = deque()
        #: Whether messages are held back.
        self.held = False

    @property
    def log(self) -> HeldBus | None:
        return None if self._bus.log is None else self

    @property
    def account(self) -> Account:
        return self._bus.account

    def let_go(self, count: int | None = None) -> None:
        """Carry the messages that wait, or the first ``count`` of them."""
        if count is None:
            self.held = False
            count = len(self._waiting)
        for _ in range(count):
            self._waiting.popleft()()

    def _carry(self, fn: Callable[[], object]) -> None:
        if self.held:
            self._waiting.append(fn)
        else:
            fn()

    @property
    def _log(self) -> Log:
        found = self._bus.log
        assert found is not None
        assert not isinstance(found, OwnLogs)
        return found

    # what a bus must have

    def open(self, reactor: Reactor, receive: Receive) -> None:
        self._bus.open(reactor, receive)

    def join(self, nsp: LocalNamespace, uid: str, rooms: LocalRooms) -> None:
        self._bus.join(nsp, uid, rooms)

    def leave(self, nsp: LocalNamespace, uid: str) -> None:
        self._bus.leave(nsp, uid)

    def publish(
        self, message: Message, reached: Callable[[int], None] | None = None
    ) -> None:
        self._carry(lambda: self._bus.publish(message, reached))

    def reply(self, uid: str, message: Message) -> None:
        self._carry(lambda: self._bus.reply(uid, message))

    def count(self, nsp: LocalNamespace, told: Callable[[int], None]) -> None:
        self._carry(lambda: self._bus.count(nsp, told))

    def newest(self, nsp: LocalNamespace) -> str | None:
        return self._log.newest(nsp)

    def append(self, message: Message, done: Callable[[str | None], None]) -> None:
        self._carry(lambda: self._log.append(message, done))

    def persist(self, nsp: LocalNamespace, session: Session) -> None:
        self._log.persist(nsp, session)

    def restore(
        self, nsp: LocalNamespace, pid: str, offset: str | None
    ) -> tuple[Session, list[tuple[str, Message]]] | None:
        return self._log.restore(nsp, pid, offset)

    def close(self) -> None:
        self._bus.close()
