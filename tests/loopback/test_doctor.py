"""The doctor: set-ups that work, and such as do not, as ``python -m sockio`` sees them.

The server runs in the process of the doctor, who goes there through the network.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import chain, cycle, repeat
from pathlib import Path
from typing import Any

import gevent.server
import pytest

import sockio
from sockio.adapters import Adapter, Cluster, Exchange, LocalNamespace, MemoryAdapter
from sockio.cli.doctor import examine
from sockio.cli.findings import Finding
from sockio.cli.server_checks import check_adapter, check_client, judged_client
from sockio.cli.url_checks import SESSIONS, check_url
from sockio.cli.web import Place, context_for
from sockio.types import Environ, StartResponse
from tests.support.loopback import Kind, Loopback
from tests.support.ports import free_port
from tests.support.raw_client import CERTIFICATE
from tests.support.redis_server import RedisServer

Visit = Callable[..., dict[str, Finding]]


@pytest.fixture
def io() -> Iterator[sockio.Server[Any]]:
    """Give a server that hands out no client."""
    io: sockio.Server[Any] = sockio.Server(serve_client=False)
    yield io
    io.close()


@pytest.fixture
def visit() -> Iterator[Visit]:
    """Give a function that has the doctor visit an application."""
    running: list[Loopback] = []

    def start(
        app: Any, io: sockio.Server[Any], kind: Kind = "sockio", path: str = ""
    ) -> dict[str, Finding]:
        running.append(Loopback(app, kind))
        context = context_for(str(CERTIFICATE))
        url = running[-1].url.replace("127.0.0.1", "localhost")
        place = Place.of(url + path, context, 30.0)
        return {each.subject: each for each in check_url(place, io)}

    yield start
    for loopback in running:
        loopback.close()


def answering(status: str, body: bytes = b"", **headers: str) -> Any:
    """Return an application that says the same to all."""

    def app(environ: Environ, start: StartResponse) -> list[bytes]:
        start(status, list(headers.items()))
        return [body]

    return app


def changed(app: Any, *dropped: str, **headers: str) -> Any:
    """Put something around an application that changes its answers' headers."""

    def around(environ: Environ, start: StartResponse) -> Iterable[bytes]:
        def begin(status: str, given: Any, *exc_info: Any) -> Any:
            return start(status, [*given, *headers.items()])

        for name in dropped:
            environ.pop(name, None)
        answer: Iterable[bytes] = app(environ, begin)
        return answer

    return around


# ------------------------------------------------------------------ a URL


@pytest.mark.parametrize("kind", ["sockio", "tls", "pywsgi"])
def test_a_server_that_works(visit: Visit, io: sockio.Server[Any], kind: Kind) -> None:
    handled: list[object] = []
    io.on("connection", handled.append)

    findings = visit(io, io, kind)

    assert {each.level for each in findings.values()} == {"ok"}
    assert findings["sessions"].text.startswith(f"{SESSIONS} sessions of one process")
    assert findings["websocket"].text == "WebSockets are passed on"
    assert findings["clock"].text == "that of the server is right"
    assert handled == []
    assert io.engine.clients_count == 0


def test_another_parser_and_no_websockets(visit: Visit) -> None:
    io: sockio.Server[Any] = sockio.Server(
        parser="msgpack", transports=["polling"], serve_client=False
    )

    findings = visit(io, io)

    assert findings["sessions"].level == "ok"
    assert "websocket" not in findings


def test_a_balancer_that_is_not_sticky(visit: Visit, io: sockio.Server[Any]) -> None:
    with_it: sockio.Server[Any] = sockio.Server(serve_client=False)
    servers = cycle([io, with_it, io, io, with_it])

    findings = visit(lambda environ, start: next(servers)(environ, start), io)
    with_it.close()

    assert findings["sessions"].level == "error"
    assert "were not found by their next requests" in findings["sessions"].text
    assert "Server(advertise=...)" in findings["sessions"].advice


def test_a_proxy_that_does_not_pass_websockets_on(
    visit: Visit, io: sockio.Server[Any]
) -> None:
    findings = visit(changed(io, "HTTP_UPGRADE"), io)

    assert findings["websocket"].level == "error"
    assert "status 400" in findings["websocket"].text
    assert "proxy_set_header Upgrade" in findings["websocket"].advice


def test_a_websocket_that_says_something_else(visit: Visit) -> None:
    io: sockio.Server[Any] = sockio.Server(serve_client=False)
    other: sockio.Server[Any] = sockio.Server(serve_client=False)

    def app(environ: Environ, start: StartResponse) -> Iterable[bytes]:
        if "HTTP_UPGRADE" in environ:
            # As if the session were unknown: the WebSocket begins a new one.
            environ["QUERY_STRING"] = "EIO=4&transport=websocket"
            return other(environ, start)
        return io(environ, start)

    finding = visit(app, io)["websocket"]
    other.close()
    io.close()

    assert finding.level == "error"
    assert "fails: it does not answer the probe" in finding.text


def test_a_proxy_that_is_not_trusted(visit: Visit, io: sockio.Server[Any]) -> None:
    behind = changed(io, Server="nginx/1.28", Connection="close")

    findings = visit(behind, io, "pywsgi")

    assert findings["proxy"].level == "warning"
    assert "nginx/1.28 is in front" in findings["proxy"].text
    assert findings["keep-alive"].level == "warning"
    trusting: sockio.Server[Any] = sockio.Server(trusted_proxies=1, serve_client=False)
    assert visit(changed(trusting, Via="1.1 x"), trusting)["proxy"].level == "ok"
    trusting.close()


def test_a_clock_that_is_wrong(visit: Visit, io: sockio.Server[Any]) -> None:
    wrong = changed(io, Date="Thu, 01 Jan 2026 00:00:00 GMT")

    assert visit(wrong, io, "pywsgi")["clock"].level == "warning"


@pytest.mark.parametrize(
    ("app", "told"),
    [
        (answering("404 Not Found"), "status 404: nobody serves this path"),
        (answering("502 Bad Gateway"), "the proxy does not reach the server"),
        (answering("200 OK", b"<html>"), "not the answer of a Socket.IO server"),
        (answering("200 OK", b"\xff"), "not the answer of a Socket.IO server"),
        (answering("200 OK", b"6"), "not the answer of a Socket.IO server"),
        (answering("418 Teapot"), "status 418: this is not the answer"),
        (
            answering("403 Forbidden", b'{"code":4,"message":"Forbidden"}'),
            "status 403 (Forbidden): the handshake is refused",
        ),
    ],
)
def test_what_is_there_is_no_server(
    visit: Visit, io: sockio.Server[Any], app: Any, told: str
) -> None:
    findings = visit(app, io)

    assert list(findings) == ["url"]
    assert findings["url"].level == "error"
    assert told in findings["url"].text
    assert findings["url"].advice


def test_a_server_that_refuses_the_second_handshake(
    visit: Visit, io: sockio.Server[Any]
) -> None:
    apps = iter([io, *[answering("503 Service Unavailable")] * 30])

    findings = visit(lambda environ, start: next(apps)(environ, start), io)

    assert findings["url"].level == "error"
    assert "takes no clients" in findings["url"].text


def cut(environ: Environ, start: StartResponse) -> Iterator[bytes]:
    """Begin an answer, and fail."""
    start("200 OK", [])
    yield b"cut"
    raise OSError("cut")


def after(count: int, first: Any, rest: Any) -> Any:
    """Return an application that answers ``count`` requests in another way."""
    apps = chain(repeat(first, count), repeat(rest))
    return lambda environ, start: next(apps)(environ, start)


def test_requests_that_are_not_answered(visit: Visit, io: sockio.Server[Any]) -> None:
    findings = visit(after(1, io, cut), io)

    assert "a request failed" in findings["sessions"].text
    assert "a WebSocket is answered with status 200" in findings["websocket"].text
    assert "client" not in findings


def test_requests_that_are_refused(visit: Visit, io: sockio.Server[Any]) -> None:
    refusing = after(SESSIONS, io, answering("403 Forbidden"))

    findings = visit(refusing, io)

    assert "status 403: the handshake is refused" in findings["url"].text


def test_a_server_that_does_not_answer_in_time(io: sockio.Server[Any]) -> None:
    silent = gevent.server.StreamServer(("127.0.0.1", 0), lambda sock, _: sock.recv(0))
    silent.init_socket()  # it listens, and nobody accepts
    place = Place.of(f"127.0.0.1:{silent.server_port}", None, 0.01)

    (finding,) = check_url(place, io)
    silent.close()

    assert finding.advice == "look for a firewall, and for a handler that blocks"


def test_a_path_before_that_of_the_server(visit: Visit, io: sockio.Server[Any]) -> None:
    def below(environ: Environ, start: StartResponse) -> Iterable[bytes]:
        environ["PATH_INFO"] = environ["PATH_INFO"].removeprefix("/api")
        return io(environ, start)

    assert visit(below, io, path="/api")["sessions"].level == "ok"
    assert visit(answering("404 Not Found"), io)["url"].level == "error"


@pytest.mark.parametrize(
    ("scheme", "cafile", "advice"),
    [
        ("http", None, "start the server"),
        ("https", CERTIFICATE, "may speak no TLS"),
    ],
)
def test_nobody_is_there(
    io: sockio.Server[Any], scheme: str, cafile: Path | None, advice: str
) -> None:
    context = context_for(None if cafile is None else str(cafile))
    loopback = Loopback(io)
    port = free_port() if cafile is None else loopback.url.rpartition(":")[2]
    place = Place.of(f"{scheme}://127.0.0.1:{port}", context, 30.0)

    (finding,) = check_url(place, io)
    loopback.close()

    assert finding.level == "error"
    assert advice in finding.advice


def test_a_certificate_that_nobody_trusts(io: sockio.Server[Any]) -> None:
    loopback = Loopback(io, "tls")

    def look(**how: Any) -> Finding:
        place = Place.of(loopback.url, context_for(None, **how), 30.0)
        return next(check_url(place, io))

    doubted, believed = look(), look(insecure=True)
    loopback.close()

    assert "mend the certificate" in doubted.advice
    assert believed.level == "ok"


# ------------------------------------------------------------------ the adapter


def test_no_adapter(io: sockio.Server[Any]) -> None:
    (finding,) = check_adapter(io)

    assert finding.level == "ok"
    assert finding.text.startswith("none")


def test_an_adapter_of_ones_own() -> None:
    class Mine(MemoryAdapter):
        pass

    def make(nsp: LocalNamespace) -> Adapter:
        return Mine(nsp)

    (finding,) = check_adapter(sockio.Server(adapter=make))

    assert finding.level == "hint"


def test_a_bus_without_a_broker() -> None:
    bus = Exchange().bus()

    (finding,) = check_adapter(sockio.Server(adapter=Cluster(bus)))

    assert finding.level == "ok"
    assert finding.text.endswith("answers")


def test_a_broker_that_answers(redis_server: RedisServer) -> None:
    (finding,) = check_adapter(sockio.Server(adapter=redis_server.url))

    assert finding.level == "ok"
    assert ": Valkey " in finding.text or ": Redis " in finding.text


def test_a_broker_that_is_away() -> None:
    io: sockio.Server[Any] = sockio.Server(adapter=f"redis://127.0.0.1:{free_port()}")

    (finding,) = check_adapter(io, patience=1)

    assert finding.level == "error"
    assert "was not reached within 1 s: no connection" in finding.text


# ------------------------------------------------------------------ the client


@pytest.mark.parametrize(
    ("version", "allow_eio3", "level"),
    [
        ("4.8.1", False, "ok"),
        ("3.1.3", False, "ok"),
        ("2.5.0", False, "error"),
        ("2.5.0", True, "hint"),
        ("1.7.4", True, "warning"),
        ("", False, "warning"),
    ],
)
def test_versions_of_the_client(version: str, allow_eio3: bool, level: str) -> None:
    assert judged_client(version, allow_eio3=allow_eio3).level == level


def test_the_client_that_is_handed_out(
    visit: Visit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert [each.level for each in check_client(sockio.Server())] == ["hint"]
    file = tmp_path / "socket.io.js"
    io: sockio.Server[Any] = sockio.Server(client_dist=tmp_path)
    file.write_text("/*!\n * Socket.IO v2.5.0\n */")

    (finding,) = check_client(io)

    assert "version 2.5.0" in finding.text
    assert visit(io, io)["client"] == finding
    assert finding in examine(io, None, None)
    file.write_text("no banner")
    assert [each.level for each in check_client(io)] == ["warning"]


def test_the_client_of_the_url_is_the_one_that_counts(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    for folder, version in ((old, "2.5.0"), (new, "4.8.1")):
        folder.mkdir()
        (folder / "socket.io.js").write_text(f"/*!\n * Socket.IO v{version}\n */")
    there: sockio.Server[Any] = sockio.Server(client_dist=new)
    loopback = Loopback(there)
    place = Place.of(loopback.url, None, 30.0)

    findings = examine(sockio.Server(client_dist=old), place, None)
    loopback.close()

    (finding,) = [each for each in findings if each.subject == "client"]
    assert finding.text == "the server hands out version 4.8.1 of the client"


def test_no_client_is_handed_out(io: sockio.Server[Any]) -> None:
    assert [each.level for each in check_client(io)] == ["ok"]


# ------------------------------------------------------------------ all of it


def test_all_that_is_examined(
    io: sockio.Server[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    loopback = Loopback(io)
    place = Place.of(loopback.url, None, 30.0)

    findings = examine(io, place, "-k sync --keep-alive 75 --worker-connections 2000")
    loopback.close()

    subjects = [each.subject for each in findings if each.subject != "backlog"]
    assert list(dict.fromkeys(subjects)) == [
        "build",
        "patching",
        "descriptors",
        "worker class",
        "keep-alive",
        "adapter",
        "client",
        "url",
        "clock",
        "sessions",
        "websocket",
    ]
    without = {each.subject for each in examine(io, None, None)}
    assert not without & {"url", "worker class"}
