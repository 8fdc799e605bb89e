"""``python -m sockio client``, in the process of the server that it talks to."""

from __future__ import annotations

import itertools
import json
import os
import pty
import re
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import gevent.os
import gevent.subprocess
import pytest

import sockio
from sockio.__main__ import main
from sockio.types import Environ, StartResponse
from tests.support.deployed import ROOT
from tests.support.loopback import Kind, Loopback
from tests.support.ports import free_port
from tests.support.raw_client import CERTIFICATE
from tests.support.waiting import wait_until

Talk: TypeAlias = Callable[..., tuple[int, str, str]]
TRANSPORTS = ["polling", "websocket", "polling,websocket"]


@pytest.fixture
def io() -> Iterator[sockio.Server[Any]]:
    """Give a server that greets, adds and echoes."""
    io: sockio.Server[Any] = sockio.Server()

    @io.on("connection")
    def connected(socket: sockio.Socket[Any]) -> None:
        socket.emit("hello", socket.handshake.auth, b"\x00\x01")
        socket.on("add", lambda a, b: a + b)
        socket.on("echo", lambda *args: socket.emit("echoed", *args))
        socket.on("silent", lambda ack: None)
        socket.on("out", lambda: socket.disconnect())
        socket.on("cut", lambda: socket.conn.close())
        socket.on("end", lambda: socket.disconnect(close=True))

        @socket.on("ask")
        def ask() -> None:
            answer = socket.timeout(60).emit_with_ack("asked", "how")
            socket.emit("told", answer)

    yield io
    io.close()


@pytest.fixture
def talk(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Talk]:
    """Give a function that has lines carried out; it returns the code and the output.

    Args of it: the application, the lines, and arguments of the command line.
    """
    running: list[Loopback] = []

    def start(
        app: Any, lines: str, *arguments: str, kind: Kind = "sockio"
    ) -> tuple[int, str, str]:
        if isinstance(app, str):
            url = app
        else:
            running.append(Loopback(app, kind))
            url = running[-1].url.replace("127.0.0.1", "localhost")
        script = tmp_path / "lines"
        script.write_text(lines)
        code = 0
        with script.open() as stdin:
            monkeypatch.setattr(sys, "stdin", stdin)
            try:
                main(["client", url, *arguments])
            except SystemExit as exc:
                code = int(exc.code or 0)
        return code, *capsys.readouterr()

    yield start
    for loopback in running:
        loopback.close()


@pytest.mark.parametrize("transports", TRANSPORTS)
def test_a_conversation(talk: Talk, io: sockio.Server[Any], transports: str) -> None:
    lines = '# a comment\n\nask add 1 2\nemit echo {"a": 1} word\nwait echoed\n'

    code, out, err = talk(io, lines, "--transports", transports)

    assert (code, err) == (0, "")
    connected, joined, hello, *rest = out.splitlines()
    assert connected == f"connected over {transports.rpartition(',')[2]}"
    assert joined.startswith("joined as ")
    assert hello == "< hello {}, <2 bytes: 00 01>"
    assert rest == ["< answer to add: 3", '< echoed {"a": 1}, "word"']
    wait_until(lambda: io.engine.clients_count == 0)


@pytest.mark.parametrize("transports", ["polling", "websocket"])
def test_bytes_and_answers_both_ways(
    talk: Talk, io: sockio.Server[Any], tmp_path: Path, transports: str
) -> None:
    (tmp_path / "bytes").write_bytes(b"\xff\x00")
    lines = (
        f"emit echo @{tmp_path / 'bytes'}\nwait echoed\n"
        "emit ask\nwait asked\nack 0 fine\nwait told\nquit\nnonsense\n"
    )

    code, out, err = talk(io, lines, "--json", "--transports", transports)

    assert (code, err) == (0, "")
    said = [json.loads(line) for line in out.splitlines()]
    events = {each["event"]: each for each in said if each["type"] == "event"}
    assert events["echoed"]["args"] == [{"base64": "/wA="}]
    assert events["asked"] == {
        "type": "event",
        "namespace": "/",
        "event": "asked",
        "args": ["how"],
        "id": 0,
    }
    assert events["told"]["args"] == ["fine"]


def test_namespaces_and_auth(talk: Talk, io: sockio.Server[Any]) -> None:
    @io.of("/admin").use
    def admit(socket: sockio.Socket[Any]) -> None:
        if socket.handshake.auth != {"key": 1}:
            raise sockio.ConnectError("who are you?", {"hint": "key"})

    io.of("/admin").on("connection", lambda socket: socket.emit("hi"))
    lines = 'join /admin {"key": 1}\nwait hi\nuse /\nask add 1 2\nuse /admin\nleave\n'

    code, out, err = talk(io, f"{lines}join /admin\n", "--auth", '{"a": 1}')

    assert code == 1
    assert err == "sockio: /admin refuses: who are you?\n"
    told = out.splitlines()
    assert '< hello {"a": 1}, <2 bytes: 00 01>' in told
    assert "/admin < hi" in told
    assert told[-2:] == [
        "/admin disconnected: io client disconnect",
        '/admin refused: who are you? {"hint": "key"}',
    ]


def test_several_namespaces_from_the_start(talk: Talk, io: sockio.Server[Any]) -> None:
    io.of("/a")

    code, out, _ = talk(io, "", "-n", "/", "-n", "/a", "--json")

    joined = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert [each["namespace"] for each in joined if each["type"] == "connect"] == [
        "/",
        "/a",
    ]


def test_headers_path_and_tls(talk: Talk) -> None:
    io: sockio.Server[Any] = sockio.Server(path="/chat")
    seen: list[object] = []
    io.on("connection", lambda socket: seen.append(socket.handshake.headers["cookie"]))
    arguments = ["--header", "Cookie: a=b", "--path", "/chat"]

    code, out, _ = talk(io, "", *arguments, "--cafile", str(CERTIFICATE), kind="tls")

    assert code == 0
    assert out.startswith("connected over websocket\n")
    assert seen == ["a=b"]


def test_message_pack(talk: Talk) -> None:
    io: sockio.Server[Any] = sockio.Server(parser="msgpack")
    io.on("connection", lambda socket: socket.on("half", lambda data: data[:1]))

    code, out, _ = talk(io, "ask half [1, 2]\n", "--parser", "msgpack")

    assert code == 0
    assert out.endswith("< answer to half: [1]\n")


def test_help(talk: Talk, io: sockio.Server[Any]) -> None:
    code, out, _ = talk(io, "help")

    assert code == 0
    assert "emit EVENT [ARG ...]" in out


# ------------------------------------------------------------------ what fails


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("say hi", "there is no command say; help shows all"),
        ("emit", "give the name of an event; nothing is none"),
        ("emit connect", "give the name of an event; connect is none"),
        ('emit a {"b"', "this is no JSON"),
        ("ack x", "give the number that the event shows"),
        ("wait", "give the name of an event"),
        ("use /b", "/b is not joined: join /b"),
        ("join b", "b: the name of a namespace begins with a slash"),
        ("join /b 1", "auth is an object of JSON"),
        ("join /b {} {}", "join takes a name and one object"),
        ("join /b", "/b refuses: Invalid namespace"),
        ("leave\nemit a", "/ is not joined any more: join /"),
    ],
)
def test_a_script_ends_with_its_first_mistake(
    talk: Talk, io: sockio.Server[Any], line: str, told: str
) -> None:
    code, out, err = talk(io, f"{line}\nask add 1 2\n")

    assert code == 1
    assert told in err
    assert "answer to add" not in out


def test_what_the_server_says_does_not_steer_the_terminal(talk: Talk) -> None:
    io: sockio.Server[Any] = sockio.Server()

    @io.use
    def refuse(socket: sockio.Socket[Any]) -> None:
        raise sockio.ConnectError("\x1b[2J")

    code, out, err = talk(io, "")

    assert code == 1
    assert '"\\u001b[2J"' in out
    assert err == 'sockio: "/ refuses: \\u001b[2J"\n'


def test_mistakes_in_json(talk: Talk, io: sockio.Server[Any]) -> None:
    code, out, err = talk(io, "say", "--json")

    assert (code, err) == (1, "")
    assert json.loads(out.splitlines()[-1]) == {
        "type": "error",
        "message": "there is no command say; help shows all",
    }


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--transports", "polling,carrier"], "give polling, websocket or"),
        (["--path", "chat"], "--path chat: it begins with a slash"),
        (["--header", "Cookie"], "give NAME: VALUE"),
        (["--header", "A: b\r\nC: d"], "give NAME: VALUE"),
        (["--auth", "{"], "--auth is no JSON"),
        (["--auth", "1"], "--auth: give an object of JSON"),
        (["-n", "b"], "-n b: the name of a namespace begins with a slash"),
    ],
)
def test_wrong_arguments(
    talk: Talk, io: sockio.Server[Any], arguments: list[str], told: str
) -> None:
    code, _, err = talk(io, "", *arguments)

    assert code == 2
    assert told in err


def test_no_answer_in_time(talk: Talk, io: sockio.Server[Any]) -> None:
    code, _, err = talk(io, "ask silent\n", "--timeout", "0.3")

    assert code == 1
    assert "no answer within 0.3 s" in err


def test_nobody_is_there(talk: Talk) -> None:
    code, out, err = talk(f"http://127.0.0.1:{free_port()}", "")

    assert (code, out) == (1, "")
    assert err.startswith("sockio: not connected: ")


@pytest.mark.parametrize("transports", ["polling", "websocket"])
def test_the_server_refuses(talk: Talk, transports: str) -> None:
    io: sockio.Server[Any] = sockio.Server(allow_request=lambda request: False)

    code, _, err = talk(io, "", "--transports", transports)

    # A WebSocket is refused with another status, as Node does.
    told = {"polling": "403: Forbidden", "websocket": "400"}[transports]
    assert code == 1
    assert err == f"sockio: not connected: the server answers with status {told}\n"


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"6", "has not opened a session"),
        (b"\xff", "the answer is no text"),
        (b'0{"sid":"a"}', "the open packet lacks fields"),
        (b"<html>", "unknown packet type"),
    ],
)
def test_what_is_there_is_no_server(talk: Talk, body: bytes, told: str) -> None:
    def app(environ: Environ, start: StartResponse) -> list[bytes]:
        start("200 OK", [])
        return [body]

    code, _, err = talk(app, "")

    assert code == 1
    assert told in err


def test_without_an_upgrade_it_stays_on_polling(
    talk: Talk, io: sockio.Server[Any]
) -> None:
    def app(environ: Environ, start: StartResponse) -> Iterable[bytes]:
        environ.pop("HTTP_UPGRADE", None)
        return io(environ, start)

    code, out, _ = talk(app, "ask add 1 2\n")

    assert code == 0
    assert out.startswith("connected over polling\n")
    assert out.endswith("< answer to add: 3\n")


def test_without_the_answer_to_its_probe_it_stays_on_polling(
    talk: Talk, io: sockio.Server[Any]
) -> None:
    other: sockio.Server[Any] = sockio.Server()

    def app(environ: Environ, start: StartResponse) -> Iterable[bytes]:
        if "HTTP_UPGRADE" not in environ:
            return io(environ, start)
        # As if the session were unknown: the WebSocket begins a new one.
        environ["QUERY_STRING"] = "EIO=4&transport=websocket"
        return other(environ, start)

    code, out, _ = talk(app, "ask add 1 2\n")
    other.close()

    assert code == 0
    assert out.startswith("connected over polling\n")


# ------------------------------------------------------------------ the end


@pytest.mark.parametrize("transports", ["polling", "websocket"])
def test_the_server_ends_the_connection(
    talk: Talk, io: sockio.Server[Any], transports: str
) -> None:
    code, out, err = talk(io, "emit end\n", "--watch", "--transports", transports)

    assert code == 1
    assert "disconnected: the " in out.splitlines()[-1]
    assert err.startswith("sockio: the ")


def test_the_server_ends_a_namespace(talk: Talk, io: sockio.Server[Any]) -> None:
    code, out, err = talk(io, "emit out\nwait never\n", "--timeout", "30")

    assert code == 1
    assert "disconnected: io server disconnect\n" in out
    assert err == "sockio: /: io server disconnect\n"


@pytest.mark.parametrize(
    ("transports", "reason"),
    [
        ("polling", "the server has ended the connection"),
        ("websocket", "the connection has ended: the server has closed with code 1005"),
    ],
)
def test_the_connection_ends_while_something_is_awaited(
    talk: Talk, io: sockio.Server[Any], transports: str, reason: str
) -> None:
    lines = "emit cut\nwait never\n"

    code, out, err = talk(io, lines, "--transports", transports, "--timeout", "60")

    assert code == 1
    assert out.endswith(f"disconnected: {reason}\n")
    assert err == f"sockio: {reason}\n"


def test_an_answer_of_another_namespace_goes_on(
    talk: Talk, io: sockio.Server[Any]
) -> None:
    io.of("/a").on("connection", lambda socket: socket.disconnect())

    code, out, _ = talk(io, "ask add 1 2\n", "-n", "/a", "-n", "/")

    assert code == 0
    assert "/a disconnected: io server disconnect" in out.splitlines()
    assert out.endswith("< answer to add: 3\n")


def piped(loopback: Loopback) -> Any:
    """Start the client in a process of its own, between pipes."""
    return gevent.subprocess.Popen(
        [sys.executable, "-m", "sockio", "client", loopback.url],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=gevent.subprocess.PIPE,
        stderr=gevent.subprocess.PIPE,
        stdout=gevent.subprocess.PIPE,
    )


def test_ctrl_c_ends_it_while_it_reads_a_pipe(io: sockio.Server[Any]) -> None:
    loopback = Loopback(io)
    program = piped(loopback)
    told = program.stdout.readline() + program.stdout.readline()

    program.send_signal(signal.SIGINT)
    _, err = program.communicate(timeout=60)
    loopback.close()

    assert told.startswith(b"connected over websocket\njoined as ")
    assert (program.returncode, err) == (130, b"")


def test_it_ends_when_nobody_reads_it(io: sockio.Server[Any]) -> None:
    loopback = Loopback(io)
    program = piped(loopback)
    assert program.stdout.readline() == b"connected over websocket\n"
    assert program.stdout.readline().startswith(b"joined as ")

    program.stdout.close()
    io.emit("news")

    assert program.stderr.read() == b""
    assert program.wait(60) == 141
    loopback.close()


@pytest.fixture
def type_in(
    io: sockio.Server[Any], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[bytes], None]]:
    """Give what runs the client in a terminal in which somebody types."""
    loopback = Loopback(io)

    def type_in(text: bytes) -> None:
        master, slave = pty.openpty()
        os.write(master, text)
        try:
            with os.fdopen(slave) as terminal:
                monkeypatch.setattr(sys, "stdin", terminal)
                main(["client", loopback.url])
        finally:
            os.close(master)

    yield type_in
    loopback.close()


def test_somebody_types(
    type_in: Callable[[bytes], None], capsys: pytest.CaptureFixture[str]
) -> None:
    type_in(b"say\nask add 1 2\n\x04")

    out, err = capsys.readouterr()
    assert "> " in out
    assert out.endswith("< answer to add: 3\n> ")
    assert err == "sockio: there is no command say; help shows all\n"


def test_somebody_types_when_the_server_has_gone(
    io: sockio.Server[Any],
    type_in: Callable[[bytes], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    io.on("connection", lambda socket: gevent.spawn(socket.disconnect, close=True))

    with pytest.raises(SystemExit) as caught:
        type_in(b"wait never\nhelp\n")

    assert caught.value.code == 1
    assert "emit EVENT" not in capsys.readouterr().out


#: What a terminal gets before a line is edited.
EDITING = "\x1b[?2004h"


class Typed:
    """The client in a terminal of its own, in which somebody types."""

    def __init__(self, url: str, state: Path) -> None:
        self._master, slave = pty.openpty()
        os.set_blocking(self._master, False)
        #: All that it has written.
        self.all = ""
        #: What was not waited for.
        self.said = ""
        self.program = gevent.subprocess.Popen(
            [sys.executable, "-m", "sockio", "client", url],
            env={
                **os.environ,
                "PYTHONPATH": str(ROOT),
                "XDG_STATE_HOME": str(state),
                "TERM": "xterm",
                "PROMPT_TOOLKIT_NO_CPR": "1",
            },
            stdin=slave,
            stdout=slave,
            stderr=slave,
        )
        os.close(slave)

    def type(self, text: bytes) -> None:
        os.write(self._master, text)

    def wait_for(self, text: str) -> None:
        """Read what it writes until ``text`` is there, which is then forgotten."""
        while text not in self.said:
            assert self._read(), self.said
        self.said = self.said.partition(text)[2]

    def _read(self) -> bool:
        """Read what it writes next; False: it has ended."""
        try:
            text = gevent.os.nb_read(self._master, 65536).decode()
        except OSError:
            return False
        self.all += text
        self.said += text
        return True

    def end(self, text: bytes) -> int:
        """Type the last key; return the exit code."""
        self.type(text)
        while self._read():
            pass
        code: int = self.program.wait(timeout=60)
        os.close(self._master)
        return code


def test_lines_are_kept_and_completed(io: sockio.Server[Any], tmp_path: Path) -> None:
    loopback = Loopback(io)
    first = Typed(loopback.url, tmp_path)
    first.wait_for("joined as")
    first.wait_for(EDITING)
    first.type(b"as\t")
    first.wait_for("k")
    first.type(b" add 1 2\r")
    first.wait_for("< answer to add: 3")
    first.wait_for(EDITING)
    first.type(b" ask add 2 2\r")
    first.wait_for("< answer to add: 4")
    first.wait_for(EDITING)

    code = first.end(b"\x04")
    again = Typed(loopback.url, tmp_path)
    again.wait_for("joined as")
    again.wait_for(EDITING)
    again.type(b"\x1b[A\r")
    again.wait_for("< answer to add: 3")
    again.wait_for(EDITING)
    interrupted = again.end(b"\x03")
    loopback.close()

    assert (code, interrupted) == (0, 130)
    history = (tmp_path / "sockio" / "history").read_text()
    # What begins with a space is not kept.
    assert "+ask add 1 2\n" in history
    assert "2 2" not in history


def test_what_comes_while_lines_are_typed(
    io: sockio.Server[Any], tmp_path: Path
) -> None:
    number = itertools.count()

    @io.on("connection")
    def tell(socket: sockio.Socket[Any]) -> None:
        if socket.connected:
            socket.emit("news", next(number))
            gevent.spawn_later(0.001, tell, socket)

    loopback = Loopback(io)
    typed = Typed(loopback.url, tmp_path)

    typed.wait_for(EDITING)
    for count in range(20):
        typed.type(b"ask add 1 ")
        typed.wait_for("< news")
        typed.type(b"%d\r" % count)
        typed.wait_for(f"< answer to add: {count + 1}")
        typed.wait_for(EDITING)
    code = typed.end(b"\x04")
    loopback.close()

    assert code == 0
    told = [int(word) for word in re.findall(r"< news (\d+)\r", typed.all)]
    assert told == list(range(len(told)))
    assert len(told) > 20
