"""python-socketio: its four clients, driven by one Python process for many tests.

They wait in native threads and in asyncio, which would stop a server in the same
thread. The process reads Python literals, one in each line, which say what to do; and
it prints others, which say what the result was and what happened to a client.
"""

from __future__ import annotations

import ast
import asyncio
import inspect
import itertools
import os
import queue
import sys
import threading
from operator import attrgetter
from typing import Any, Literal, NamedTuple, TypeAlias

import gevent
from gevent.event import AsyncResult
from gevent.queue import SimpleQueue
from gevent.subprocess import PIPE, Popen

#: The name of a class of python-socketio.
Kind: TypeAlias = Literal["Client", "AsyncClient", "SimpleClient", "AsyncSimpleClient"]
#: Seconds that one operation may take.
MARGIN = 60.0
#: If a polling client is told to disconnect while one of its POSTs is under way, it
#: forgets to send its goodbye (python-engineio 4.15), and disconnects at the next ping.
#: With these options of the server, that is soon.
LEAVING_SOON: dict[str, Any] = {"ping_interval": 2.0}


class PythonError(Exception):
    """A client raised something: the name of its type, and its text."""


class PythonEvent(NamedTuple):
    """What happened to a client: ``connect`` and the like, or an event of the server.

    Attributes:
        namespace: The namespace of the event.
        event: Its name; "callback" for an acknowledgement.
        args: What the handler was given.
    """

    namespace: str
    event: str
    args: tuple[Any, ...]


class PythonDriver:
    """One process with the clients in it."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", __name__]
        self._process = Popen(command, stdin=PIPE, stdout=PIPE)
        self._numbers = itertools.count(1)
        self._answers: dict[int, AsyncResult] = {}
        self._clients: dict[int, PythonClient] = {}
        self._reader = gevent.spawn(self._read)

    def client(self, kind: Kind, **options: Any) -> PythonClient:
        """Make a client; it is not connected yet."""
        number = next(self._numbers)
        client = PythonClient(self, number, simple="Simple" in kind)
        self._clients[number] = client
        self.call("make", number, kind, options)
        return client

    def call(self, *what: Any) -> Any:
        """Let the process do something, and return the result.

        Raises:
            PythonError: A client raised an exception.

        Blocks:
            Until it is done.
        """
        number = next(self._numbers)
        answer = self._answers[number] = AsyncResult()
        self._process.stdin.write(repr((number, *what)).encode() + b"\n")
        self._process.stdin.flush()
        return answer.get(timeout=MARGIN)

    def reset(self) -> None:
        """Disconnect the clients that were made since the last time.

        Blocks:
            Until they are disconnected.
        """
        clients, self._clients = self._clients, {}
        for client in clients.values():
            client.close()

    def close(self) -> None:
        """End the process; it ends by itself when its input ends.

        Blocks:
            Until it has ended.
        """
        self._process.stdin.close()
        self._process.wait(timeout=MARGIN)
        self._reader.join(timeout=MARGIN)
        self._process.stdout.close()

    def _read(self) -> None:
        for line in self._process.stdout:
            kind, number, *rest = ast.literal_eval(line.decode())
            if kind == "event":
                if number in self._clients:
                    self._clients[number].events.put(PythonEvent(*rest))
            elif kind == "error":
                self._answers.pop(number).set_exception(PythonError(*rest))
            else:
                self._answers.pop(number).set(*rest)


class PythonClient:
    """One client; its methods are those of python-socketio's classes."""

    def __init__(self, driver: PythonDriver, number: int, *, simple: bool) -> None:
        self._driver = driver
        self._number = number
        self._simple = simple
        #: Events that nobody has asked for yet.
        self.events: SimpleQueue[PythonEvent] = SimpleQueue()

    def call(self, method: str, *args: Any, **options: Any) -> Any:
        """Call a method.

        Blocks:
            Until it returns.
        """
        return self._driver.call("call", self._number, method, args, options)

    def ask(self, attribute: str) -> Any:
        """Return an attribute that is plain data."""
        return self._driver.call("ask", self._number, attribute)

    def connect(self, url: str, **options: Any) -> None:
        """Connect, and wait until every namespace is connected.

        Blocks:
            Until the server has answered.
        """
        self.call("connect", url, **options)

    def emit_with_callback(self, event: str, data: Any) -> None:
        """Emit an event whose acknowledgement becomes the event "callback"."""
        self._driver.call("callback", self._number, event, data)

    def wait_until_sent(self) -> None:
        """Wait until nothing that it sent is under way: then it sends its goodbye.

        Blocks:
            Until the server has received everything.
        """
        self.call("eio.queue.join")

    def wait_until_disconnected(self) -> None:
        """Wait until it has fully handled that the server disconnects it.

        A client that is told to disconnect before that may wait for itself, for ever.

        Blocks:
            Until it has.
        """
        while self.ask("connected"):
            pass

    def next(self, event: str) -> tuple[Any, ...]:
        """Skip what happened until ``event``, and return its arguments.

        Raises:
            TimeoutError: It did not happen in time.

        Blocks:
            Until it has happened.
        """
        return self.next_event(event).args

    def next_event(self, event: str) -> PythonEvent:
        """Skip what happened until ``event``, and return it with its namespace."""
        seen: list[PythonEvent] = []
        with gevent.Timeout(MARGIN, TimeoutError(f"no {event}, but {seen}")):
            while not seen or seen[-1].event != event:
                seen.append(self.events.get())
        return seen[-1]

    def close(self) -> None:
        """Disconnect, and do not connect again.

        Blocks:
            Until it is disconnected.
        """
        self.call("disconnect" if self._simple else "shutdown")


# ------------------------------------------------------------------- in the process

_lines: queue.SimpleQueue[str] = queue.SimpleQueue()


def tell(*what: Any) -> None:
    """Let a line be printed, without waiting: several threads do."""
    _lines.put(f"{what!r}\n")


def write_lines() -> None:
    """Write what is told, for ever."""
    while True:
        os.write(sys.stdout.fileno(), _lines.get().encode())


class _Program:
    """Does what the lines of the input say."""

    def __init__(self) -> None:
        self._clients: dict[int, Any] = {}
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()

    def run(self) -> None:
        """Read until the input ends."""
        for line in sys.stdin:
            number, operation, *args = ast.literal_eval(line)
            try:
                tell("done", number, getattr(self, operation)(*args))
            except Exception as error:  # of whatever type: it is reported
                tell("error", number, type(error).__name__, str(error))

    def make(self, number: int, kind: Kind, options: dict[str, Any]) -> None:
        import socketio

        async def make() -> Any:
            return getattr(socketio, kind)(**options)

        self._clients[number] = client = self._wait(make())
        if "Simple" not in kind:
            self._listen(number, client)

    def _listen(self, number: int, client: Any) -> None:
        """Report everything; answer events that end with a question mark."""
        for event in ("connect", "connect_error", "disconnect"):

            def happened(namespace: str, *args: Any, event: str = event) -> None:
                tell("event", number, namespace, event, args)

            client.on(event, happened, namespace="*")

        def arrived(event: str, namespace: str, *args: Any) -> Any:
            tell("event", number, namespace, event, args)
            return args if event.endswith("?") else None

        client.on("*", arrived, namespace="*")

    def call(
        self, number: int, method: str, args: tuple[Any, ...], options: dict[str, Any]
    ) -> Any:
        return self._wait(attrgetter(method)(self._clients[number])(*args, **options))

    def ask(self, number: int, attribute: str) -> Any:
        value = attrgetter(attribute)(self._clients[number])
        return value() if callable(value) else value

    def callback(self, number: int, event: str, data: Any) -> None:
        def answered(*args: Any) -> None:
            tell("event", number, "/", "callback", args)

        self._wait(self._clients[number].emit(event, data, callback=answered))

    def _wait(self, result: Any) -> Any:
        if inspect.isawaitable(result):
            return asyncio.run_coroutine_threadsafe(
                _waited(result), self._loop
            ).result()
        return result


async def _waited(awaitable: Any) -> Any:
    return await awaitable


if __name__ == "__main__":
    # Client handles each message in a thread of its own, also each attachment of an
    # event: none of them may overtake another one because its time is up.
    sys.setswitchinterval(MARGIN)
    threading.Thread(target=write_lines, daemon=True).start()
    _Program().run()
