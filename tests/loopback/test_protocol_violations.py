"""Protocol violations: they end the session that sent them, and nothing else."""

from __future__ import annotations

import logging
import os
import random
from typing import Any, NamedTuple

import gevent
import pytest

from sockio.errors import ProtocolError
from sockio.protocol.websocket.frames import frame
from tests.support.raw_client import PollingSession
from tests.support.raw_websocket import NO_CODE, RawWebSocket
from tests.support.served import Heard, Served

from .conftest import Serve

LONG = os.environ.get("SOCKIO_LONG") == "1"
#: Random frames that are sent; the full count takes minutes.
COUNT = 100_000 if LONG else 3_000
#: Frames for one session: most of them end it.
PER_SESSION = 10
PLACE = '{"_placeholder":true,"num":0}'


class Violation(NamedTuple):
    """What a client sends, and what the server makes of it."""

    frames: tuple[str | bytes, ...]
    error: str | None
    reason: str = "forced close"
    description: str | None = None
    code: int = NO_CODE


#: What no client may send; the limit is 1000 bytes.
VIOLATIONS = {
    **{
        f"reserved name {name}": Violation((f'42["{name}"]',), "invalid payload")
        for name in (
            "connect",
            "connect_error",
            "disconnect",
            "disconnecting",
            "newListener",
            "removeListener",
        )
    },
    "reserved name with bytes": Violation(
        (f'451-["connect",{PLACE}]',), "invalid payload"
    ),
    "text where an attachment is due": Violation(
        (f'451-["x",{PLACE}]', '42["z"]'),
        "got plaintext data when reconstructing a packet",
    ),
    "binary out of the blue": Violation(
        (b"x",), "got binary data when not reconstructing a packet"
    ),
    "one attachment too many": Violation(
        (f'451-["x",{PLACE}]', b"x", b"x"),
        "got binary data when not reconstructing a packet",
    ),
    "no attachments": Violation(('450-["x"]',), "Illegal attachments"),
    "no count": Violation(('45["x"]',), "Illegal attachments"),
    "no dash": Violation(('451["x"]',), "Illegal attachments"),
    "binary ack without count": Violation(("46",), "Illegal attachments"),
    "too many attachments": Violation(('4511-["x"]',), "too many attachments"),
    "far too many attachments": Violation(
        ('459999999999-["x"]',), "too many attachments"
    ),
    "placeholder out of range": Violation(
        ('451-["x",{"_placeholder":true,"num":1}]', b"x"), "illegal attachments"
    ),
    "negative placeholder": Violation(
        ('451-["x",{"_placeholder":true,"num":-1}]', b"x"), "illegal attachments"
    ),
    "placeholder that is no number": Violation(
        ('451-["x",{"_placeholder":true,"num":"0"}]', b"x"), "illegal attachments"
    ),
    "unknown type": Violation(("49",), "unknown packet type 9"),
    "no type": Violation(("4a",), "unknown packet type a"),
    "type that is no ASCII digit": Violation(("4²",), "unknown packet type ²"),
    "event that is an object": Violation(("42{}",), "invalid payload"),
    "event without a name": Violation(("42[]",), "invalid payload"),
    "event named null": Violation(("42[null]",), "invalid payload"),
    "event named true": Violation(("42[true]",), "invalid payload"),
    "event named by a list": Violation(("42[[]]",), "invalid payload"),
    "id that is no number": Violation(('42abc["x"]',), "invalid payload"),
    "broken JSON": Violation(('42["x"',), "invalid payload"),
    "JSON and more": Violation(('42["x"]x',), "invalid payload"),
    "NaN is no JSON": Violation(('42["x",NaN]',), "invalid payload"),
    "ack that is an object": Violation(("431{}",), "invalid payload"),
    "disconnect with a payload": Violation(("41{}",), "invalid payload"),
    "connect that is a list": Violation(("40[]",), "invalid payload"),
    "connect error that is a number": Violation(("441",), None),
    "connect error": Violation(('44{"a":1}',), None),
    "connect error that is text": Violation(('44"no"',), None),
    "second connect": Violation(("40",), None),
    "event of a namespace not joined": Violation(('42/x,["e"]',), None),
    "ack of a namespace not joined": Violation(("43/x,1[]",), None),
    "disconnect from a namespace not joined": Violation(("41/x,",), None),
    "letter": Violation(("x",), None, "parse error", "unknown packet type 'x'"),
    "empty frame": Violation(("",), None, "parse error", "the packet is empty"),
    "type 7": Violation(("7",), None, "parse error", "unknown packet type '7'"),
    "too long": Violation(
        ("4" + "x" * 2000,), None, "transport error", "Max payload size exceeded", 1009
    ),
}


class Log(logging.Handler):
    """What the library logs."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)

    def only_debug(self) -> bool:
        """Whether all lines are debug lines without a traceback.

        A line about a refusal, which has a code, may have the level info.
        """
        return all(
            (r.levelno == logging.DEBUG or hasattr(r, "sockio_code"))
            and r.levelno <= logging.INFO
            and not r.exc_info
            for r in self.records
        )

    def count(self, logger: str, part: str) -> int:
        """Return how many lines of a logger contain a text."""
        return sum(
            record.name == logger and part in record.getMessage()
            for record in self.records
        )


@pytest.fixture
def log() -> Any:
    logger = logging.getLogger("sockio")
    handler, level = Log(), logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    yield handler
    logger.removeHandler(handler)
    logger.setLevel(level)


def watch(socket: Any) -> tuple[Heard, Heard]:
    """Listen to the errors of a socket, and to its end."""
    errors, gone = Heard(), Heard()
    socket.on("error", errors)
    socket.on("disconnect", gone)
    return errors, gone


def asks(websocket: RawWebSocket, number: int) -> None:
    """Check that another client is answered as before."""
    websocket.send(f'42{number}["echo",{number}]')
    assert websocket.receive_message() == f"43{number}[{number}]"


# ------------------------------------------------------------------ the table


@pytest.mark.parametrize("name", VIOLATIONS)
def test_a_violation_ends_one_session(serve: Serve, log: Log, name: str) -> None:
    frames, error, reason, description, code = VIOLATIONS[name]
    served = serve(max_http_buffer_size=1000)
    bystander, other = served.connect()
    other.on("echo", lambda number: number)
    websocket, socket = served.connect()
    errors, gone = watch(socket)
    log.records.clear()

    for message in frames:
        websocket.send(message)

    assert gone.next() == (reason, description)
    assert websocket.wait_closed().code == code
    if error is not None:
        (exception,) = errors.next()
        assert isinstance(exception, ProtocolError)
        assert str(exception) == error
    else:
        assert errors.calls == []
    asks(bystander, 1)
    assert log.only_debug()
    assert log.count("sockio.engine.session", "closed: ") == 1
    assert log.count("sockio.client", "") == (reason == "forced close")


@pytest.mark.parametrize(
    "name", [name for name in VIOLATIONS if VIOLATIONS[name].reason == "forced close"]
)
def test_a_violation_in_a_post_ends_one_session(
    serve: Serve, log: Log, name: str
) -> None:
    # The same violations over polling, while no GET waits.
    frames, error, *_ = VIOLATIONS[name]
    served = serve(max_http_buffer_size=1000)
    bystander, other = served.connect()
    other.on("echo", lambda number: number)
    session, socket = served.poll()
    errors, gone = watch(socket)
    log.records.clear()

    session.post("\x1e".join("beA==" if type(f) is bytes else str(f) for f in frames))

    # What cannot be read ends the session as ``conn.close()`` does.
    reason = "forced server close" if error is None else "forced close"
    assert gone.next() == (reason, None)
    assert [str(exception) for (exception,) in errors.calls] == [error] * bool(error)
    assert session.poll().packets == ["6", "1"]
    asks(bystander, 1)
    assert log.only_debug()


@pytest.mark.parametrize("name", ["unknown type", "second connect"])
def test_every_socket_of_the_client_is_told(served: Served, name: str) -> None:
    # Each socket of the client fires "error", then the session closes.
    violation = VIOLATIONS[name]
    served.io.of("/chat")
    websocket, main = served.connect()
    chat = served.also(websocket, "/chat")
    watched = [watch(main), watch(chat)]

    websocket.send(violation.frames[0])

    for errors, gone in watched:
        assert gone.next() == ("forced close", None)
        assert [str(error) for (error,) in errors.calls] == [
            text for text in (violation.error,) if text
        ]


def test_the_error_comes_before_the_end(served: Served) -> None:
    order = Heard()
    websocket, socket = served.connect()
    for name in ("disconnect", "disconnecting", "error"):
        socket.on(name, lambda *args, n=name: order(n))

    websocket.send("49")

    heard = [order.next()[0] for _ in range(3)]
    assert heard == ["error", "disconnecting", "disconnect"]


def test_what_follows_a_violation_is_not_read(served: Served) -> None:
    heard = Heard()
    websocket, socket = served.connect()
    _, gone = watch(socket)
    socket.on("x", heard)

    websocket.send_bytes(
        b"".join(frame(text, mask=os.urandom(4)) for text in ("49", '42["x"]', "40/x,"))
    )

    gone.next()
    assert heard.calls == []


@pytest.mark.parametrize(
    "packet",
    ["437[1]", "43[]", "42", '42[5,"n"]', '42["error","x"]', "1", "6", "5", "0", "3"],
)
def test_what_is_no_violation(served: Served, log: Log, packet: str) -> None:
    # After these the session stays open.
    websocket, socket = served.connect()
    socket.on("echo", lambda number: number)
    _, gone = watch(socket)

    websocket.send(packet)

    asks(websocket, 1)
    assert gone.calls == []
    assert log.only_debug()


# ------------------------------------------------------------------ at random

_PIECES = (
    *'0123456789abx/,-[]{}"\\ \n\x00\x1e²é',
    "40",
    "41",
    "42",
    '42["echo",',
    '["echo",1]',
    '["connect"]',
    "/chat,",
    "451-",
    "4611-",
    PLACE,
    "null",
    "1e999",
    '{"a":',
    "9" * 20,
    "\ud7ff\U0010ffff",
)
_GOOD = ('42["echo",1]', '421["echo",1]', "40/chat,", "41", f'451-["x",{PLACE}]', "3")


def random_frame(dice: random.Random) -> bytes:
    """Return the bytes of one frame; not always one that RFC 6455 knows."""
    kind = dice.randrange(10)
    if kind == 0:
        return dice.randbytes(dice.randrange(1, 40))
    if kind == 1:
        return frame(dice.randbytes(dice.randrange(20)), mask=dice.randbytes(4))
    if kind == 2:
        opcode = dice.randrange(16)
        return frame(dice.randbytes(5), opcode, mask=dice.randbytes(4))
    if kind < 6:
        text = list(dice.choice(_GOOD))
        for _ in range(dice.randrange(3)):
            at = dice.randrange(len(text))
            text[at : at + dice.randrange(2)] = dice.choice(_PIECES)
    else:
        text = [dice.choice("4444x"), *dice.choices(_PIECES, k=dice.randrange(6))]
    return frame("".join(text), mask=dice.randbytes(4))


def _poll_echo(session: PollingSession, number: int) -> None:
    session.post(f'42{number}["echo",{number}]')
    assert session.poll().text == f"43{number}[{number}]"


@pytest.mark.patience(600 if LONG else 20)
def test_random_frames_disturb_nobody(serve: Serve, log: Log) -> None:
    # No ping comes between the answers, however long this takes.
    served = serve(max_http_buffer_size=1000, ping_interval=3600)
    served.io.of("/chat")
    heard = Heard()

    @served.io.on("connection")
    def connected(socket: Any) -> None:
        socket.on("echo", lambda *args: args)
        socket.on_any(lambda *args: None)
        socket.on("error", lambda *args: None)

    bystander, other = served.connect()
    polling, polling_other = served.poll()
    for socket in (other, polling_other):
        socket.on("disconnect", heard)
    dice = random.Random(7)
    log.records.clear()

    for number in range(COUNT // PER_SESSION):
        websocket, _ = served.connect()
        sent = b"".join(random_frame(dice) for _ in range(PER_SESSION))
        websocket.send_bytes(sent)
        asks(bystander, number)
        if number % 10 == 0:
            _poll_echo(polling, number)
        websocket.cut()
        if number % 100 == 0:
            assert log.only_debug(), [r.getMessage() for r in log.records][-5:]
    with gevent.Timeout(30):
        while served.engine.clients_count > 2:
            gevent.idle()

    assert log.only_debug()
    assert log.count("sockio.engine.session", "closed: ") == COUNT // PER_SESSION
    assert heard.calls == []
    assert set(served.io.sockets.sockets.values()) == {other, polling_other}
    assert not served.io.of("/chat").sockets
