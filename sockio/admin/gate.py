"""Gate: whether a client may enter the admin namespace."""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

from sockio.errors import ConnectError
from sockio.runtime import logs
from sockio.socket.one_socket.socket import Socket

from .passwords import Passwords, TooMany
from .peers import Peers
from .sessions import Sessions, fingerprint
from .tries import Tries

__all__ = ["Gate"]

log = logs.get("admin")

#: The page knows this text, and asks for the password when it gets it.
WRONG = "invalid credentials"
TOO_MANY = "too many tries, wait a minute"


class Gate:
    """A middleware that lets in who has a session, or knows the password."""

    def __init__(
        self, passwords: Passwords, sessions: Sessions, tries: Tries, peers: Peers
    ) -> None:
        self._passwords = passwords
        self._sessions = sessions
        self._tries = tries
        self._peers = peers
        #: The new sessions of those whose page has not been told yet.
        self._begun: WeakKeyDictionary[Socket[Any], str] = WeakKeyDictionary()
        peers.hear("session", self._on_session)
        peers.hear("known", self._seconds_left)

    def __call__(self, socket: Socket[Any]) -> None:
        """Refuse who may not enter.

        Raises:
            ConnectError: The client is refused, with a text for the page.

        Blocks:
            While bcrypt computes, or other servers are asked.
        """
        auth = socket.handshake.auth
        if not isinstance(auth, dict):
            raise ConnectError(WRONG)
        mark = fingerprint(auth.get("sessionId"))
        if mark is not None and self._sessions.left(mark) > 0:
            return
        address = socket.conn.remote_address
        if not self._tries.begin(address):
            log.debug("%r tries too often to enter", address)
            raise ConnectError(TOO_MANY)
        if mark is not None and self._known_elsewhere(mark):
            self._tries.forgive(address)
            return
        if not self._fits(auth):
            log.warning("%r was not let in: wrong credentials", address)
            raise ConnectError(WRONG)
        self._tries.forgive(address)
        log.info("%r was let in by password", address)
        self._begun[socket] = id = self._sessions.begin()
        self._tell_of(id)

    def take_session(self, socket: Socket[Any]) -> str | None:
        """Return, once, the id of the session that began with this socket."""
        return self._begun.pop(socket, None)

    def _fits(self, auth: dict[str, Any]) -> bool:
        try:
            return self._passwords.fit(auth.get("username"), auth.get("password"))
        except TooMany:
            raise ConnectError(TOO_MANY) from None

    # ---- other servers

    def _tell_of(self, id: str) -> None:
        mark = fingerprint(id)
        if mark is not None:
            self._peers.tell("session", mark, self._sessions.left(mark))

    def _on_session(self, mark: object, seconds: object) -> None:
        """Another server has begun a session."""
        if isinstance(mark, str) and isinstance(seconds, (int, float)):
            self._sessions.add(mark, seconds)

    def _seconds_left(self, mark: object) -> float:
        """Tell another server, which has started later, about a session."""
        return self._sessions.left(mark) if isinstance(mark, str) else 0.0

    def _known_elsewhere(self, mark: str) -> bool:
        answers = self._peers.ask("known", mark)
        left = max((each for each in answers if type(each) in (int, float)), default=0)
        if left > 0:
            self._sessions.add(mark, left)
        return left > 0
