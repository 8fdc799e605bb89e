"""Client: a client of Socket.IO for the terminal, which obeys lines."""

from __future__ import annotations

import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import gevent
import gevent.event

from sockio.errors import ConfigError, EncodeError
from sockio.protocol.client import Client
from sockio.protocol.socketio.packet import RESERVED_EVENTS, Packet, PacketType

from .command_lines import arguments_in, words_in
from .link import BROKEN, Link
from .telling import Telling

__all__ = ["HELP", "Failed", "TerminalClient", "interrupted_here"]

HELP = """\
emit EVENT [ARG ...]   send an event; an ARG is JSON, a word, or @FILE for its bytes
ask EVENT [ARG ...]    send an event, and wait for the answer
ack ID [ARG ...]       answer an event of the server that asks for an answer
wait EVENT             wait for an event of the server, which may have come already
join NAME [AUTH]       join one more namespace, and use it from now on
use NAME               send to this namespace, which has been joined
leave                  leave the namespace in use
help                   show this
quit                   leave all; so does the end of the input
"""


#: Events that ``wait`` finds though they came before it.
_MOST_UNSEEN = 1000


@contextmanager
def interrupted_here() -> Iterator[None]:
    """Let Ctrl-C raise ``KeyboardInterrupt`` in this greenlet, and in no other."""
    loop, here = gevent.get_hub().loop, gevent.getcurrent()
    former = signal.signal(
        signal.SIGINT, lambda *_: loop.run_callback(here.throw, KeyboardInterrupt)
    )
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, former)


class Failed(Exception):
    """Something did not work; the text says what."""


class TerminalClient:
    """One client, which tells what it sees."""

    def __init__(
        self,
        core: Client,
        link: Link,
        tell: Telling,
        write: Callable[[str, str], object],
        timeout: float,
    ) -> None:
        """Make a client that is not connected.

        Args:
            core: What it knows.
            link: Its connection, which is not open yet.
            tell: Makes lines of what happens.
            write: Takes these lines, and what each is about.
            timeout: Seconds for which an answer is awaited.
        """
        self._core = core
        self._link = link
        self._told = tell
        self._write = write
        self._timeout = timeout
        #: The namespace to which events go.
        self._used = "/"
        #: What is awaited, by kind and name.
        self._awaited: dict[tuple[object, ...], Any] = {}
        #: The name of each event whose answer is awaited.
        self._asked: dict[tuple[str, int], str] = {}
        #: The events that nobody has waited for, as namespace and name.
        self._unseen: deque[tuple[str, str]] = deque(maxlen=_MOST_UNSEEN)
        #: Why the connection has ended; set once.
        self._end: Any = gevent.event.AsyncResult()
        self._reader: Any = None
        self._commands: Mapping[str, Callable[[str], None]] = {
            "emit": partial(self._emit, ask=False),
            "ask": partial(self._emit, ask=True),
            "ack": self._ack,
            "wait": self._wait,
            "join": self._join,
            "use": self._use,
            "leave": self._leave,
            "help": self._help,
        }

    # ------------------------------------------------------------------ the connection

    def connect(self, namespaces: Iterable[str], auth: Any) -> None:
        """Connect, and join namespaces.

        Raises:
            Failed: The server is not there, or refuses.

        Blocks:
            Until all are joined.
        """
        try:
            self._link.open()
        except BROKEN as exc:
            raise Failed(f"not connected: {exc}") from None
        self._tell("open", transport=self._link.transport)
        self._reader = gevent.spawn(self._read)
        for name in namespaces:
            self.join(name, auth)

    def join(self, name: str, auth: Any) -> None:
        """Join a namespace.

        Raises:
            Failed: It refuses.

        Blocks:
            Until it has answered.
        """
        if not name.startswith("/"):
            raise Failed(f"{name}: the name of a namespace begins with a slash")
        if auth is not None and not isinstance(auth, dict):
            raise Failed('auth is an object of JSON, such as {"token": 1}')
        self._core.connect(name, auth)
        refusal = self._await("join", name)
        if refusal is not None:
            raise Failed(f"{name} refuses: {refusal}")
        self._used = name

    @property
    def ended(self) -> bool:
        """Whether the connection has ended, or never began."""
        return self._reader is None or bool(self._end.ready())

    def watch(self) -> None:
        """Tell what happens until the connection ends.

        Raises:
            Failed: The server has gone.

        Blocks:
            Until then.
        """
        raise Failed(self._end.get())

    def close(self) -> None:
        """Leave all namespaces, and end the connection.

        Blocks:
            Until that is said.
        """
        if not self.ended:
            for name, member in self._core.memberships.items():
                if member.connected:
                    self._core.leave(name)
        if self._reader is not None:
            self._reader.kill()
        self._link.close()

    # ------------------------------------------------------------------ commands

    def obey(self, line: str) -> bool:
        """Carry out a line; False: it asks for the end.

        Raises:
            Failed: It cannot be, or did not work.

        Blocks:
            Until it is done.
        """
        name, rest = words_in(line, 1)
        if not name or name.startswith("#"):
            return True
        if name == "quit":
            return False
        command = self._commands.get(name)
        if command is None:
            raise Failed(f"there is no command {name}; help shows all")
        try:
            command(rest)
        except (ConfigError, EncodeError) as exc:
            raise Failed(str(exc)) from None
        return True

    def _emit(self, rest: str, ask: bool) -> None:
        event, values = words_in(rest, 1)
        if not event or event in RESERVED_EVENTS:
            raise Failed(f"give the name of an event; {event or 'nothing'} is none")
        self._check_joined()
        data = [event, *arguments_in(values)]
        id = self._core.emit(self._used, data, ack=ask)
        if id is None:
            self._flush()
        else:
            self._asked[self._used, id] = event
            self._await("ack", self._used, id)

    def _ack(self, rest: str) -> None:
        id, values = words_in(rest, 1)
        if not id.isdecimal():
            raise Failed("give the number that the event shows: ack 3 true")
        self._check_joined()
        self._core.answer(self._used, int(id), arguments_in(values))
        self._flush()

    def _wait(self, rest: str) -> None:
        event, _ = words_in(rest, 1)
        if not event:
            raise Failed("give the name of an event: wait news")
        if (self._used, event) in self._unseen:
            self._unseen.remove((self._used, event))
            return
        self._check_joined()
        self._await("event", self._used, event)

    def _join(self, rest: str) -> None:
        name, auth = words_in(rest, 1)
        given = arguments_in(auth)
        if len(given) > 1:
            raise Failed('join takes a name and one object: join /admin {"key": 1}')
        self.join(name, given[0] if given else None)

    def _use(self, rest: str) -> None:
        name, _ = words_in(rest, 1)
        member = self._core.memberships.get(name)
        if member is None or not member.connected:
            raise Failed(f"{name or 'nothing'} is not joined: join {name or '/name'}")
        self._used = name

    def _leave(self, rest: str) -> None:
        self._check_joined()
        self._core.leave(self._used)
        self._flush()
        self._tell("disconnect", namespace=self._used, reason="io client disconnect")

    def _help(self, rest: str) -> None:
        self._write(HELP.rstrip(), "help")

    def _check_joined(self) -> None:
        if not self._core.memberships[self._used].connected:
            raise Failed(f"{self._used} is not joined any more: join {self._used}")

    def _flush(self) -> None:
        try:
            self._link.flush()
        except BROKEN as exc:
            raise Failed(f"not sent: {exc}") from None

    def _await(self, *what: object) -> Any:
        """Send what there is to send, and return what ``_arrived`` is called with."""
        # The answer may come before all is sent.
        result = self._awaited[what] = gevent.event.AsyncResult()
        try:
            self._flush()
            gevent.wait([result, self._end], timeout=self._timeout, count=1)
        finally:
            del self._awaited[what]
        if result.ready():
            return result.get()
        if self._end.ready():
            raise Failed(self._end.get())
        raise Failed(f"no answer within {self._timeout:g} s")

    # ------------------------------------------------------------------ what comes

    def _read(self) -> None:
        try:
            for packet in self._link.packets():
                self._take(packet)
            reason = "the server has ended the connection"
        except BROKEN as exc:
            reason = f"the connection has ended: {exc}"
        self._end.set(reason)
        self._tell("disconnect", reason=reason)

    def _take(self, packet: Packet) -> None:
        namespace, data, id = packet.nsp, packet.data, packet.id
        match packet.type:
            case PacketType.CONNECT:
                member = self._core.memberships[namespace]
                sid, recovered = member.sid, member.recovered
                self._tell("connect", namespace=namespace, sid=sid, recovered=recovered)
                self._arrived(None, "join", namespace)
            case PacketType.CONNECT_ERROR:
                error = data if isinstance(data, dict) else {"message": data}
                message, more = str(error.get("message")), error.get("data")
                self._tell("refused", namespace=namespace, message=message, data=more)
                self._arrived(message, "join", namespace)
            case PacketType.DISCONNECT:
                reason = "io server disconnect"
                self._tell("disconnect", namespace=namespace, reason=reason)
                for (_, name, *_), awaited in self._awaited.items():
                    if name == namespace:
                        awaited.set_exception(Failed(f"{namespace}: {reason}"))
            case PacketType.EVENT:
                event, *args = data
                asks = {} if id is None else {"id": id}
                self._tell("event", namespace=namespace, event=event, args=args, **asks)
                if not self._arrived(None, "event", namespace, event):
                    self._unseen.append((namespace, event))
            case PacketType.ACK if id is not None:
                event = self._asked.pop((namespace, id), "?")
                self._tell("ack", namespace=namespace, event=event, args=data)
                self._arrived(None, "ack", namespace, id)

    def _arrived(self, result: object, *what: object) -> bool:
        """Wake who awaits it; say whether anybody does."""
        awaited = self._awaited.get(what)
        if awaited is None or awaited.ready():
            return False
        awaited.set(result)
        return True

    def _tell(self, what: str, **fields: Any) -> None:
        self._write(self._told(what, fields), what)
