"""Flask applications with sockio's SocketIO, served as people serve them."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.support.deployed import Deployed, gunicorn, page
from tests.support.raw_client import RawClient
from tests.support.raw_websocket import Refused

CHAT = "tests.deployment.apps.flask_chat"
PROGRAM = ("-W", "error", "-m", CHAT)


def assert_serves(server: Deployed) -> None:
    """Check that pages are served, and both transports."""
    assert page(server, "/") == (200, "a page for 127.0.0.1")
    client = server.client()
    websocket = client.open_socket()
    assert websocket.receive_event()[0] == "here"
    session = client.open_session()
    session.post("40")
    while '42["here"' not in session.poll().text:
        pass
    parked = session.start_poll()

    websocket.send('421["say","hello"]')

    assert websocket.receive_event() == ["said", "hello"]
    assert websocket.receive_message() == '431["flask_chat"]'
    assert parked.receive().text == '42["said","hello"]'


@pytest.mark.parametrize(
    "command",
    [gunicorn("gevent", f"{CHAT}:app"), [*PROGRAM, "run"], [*PROGRAM, "patched"]],
    ids=["gunicorn", "run", "development server, patched"],
)
def test_an_application_is_served(command: Sequence[str]) -> None:
    with Deployed(*command) as server:
        assert_serves(server)
        if "patched" in command:  # a signal ends Werkzeug's server with a traceback
            return
        server.end_quietly()


def test_the_development_server_with_threads_says_what_to_do() -> None:
    with Deployed(*PROGRAM, "threads") as server:
        assert page(server, "/") == (200, "a page for 127.0.0.1")

        answer = server.client("/socket.io/").request(transport="polling")

        assert answer.status == 503
        assert "socketio.run(app)" in answer.text
        with pytest.raises(Refused):
            server.client().websocket()
        server.read_log_until("socketio.run(app)")


def test_stop_ends_run() -> None:
    with Deployed(*PROGRAM, "run") as server:
        websocket = server.client().open_socket()
        websocket.receive_event()

        assert page(server, "/stop") == (200, "stopping")

        assert websocket.wait_closed().code == 1005
        assert server.wait() == 0
        assert "run() has returned" in server.log


def test_a_page_that_fails_shows_the_debugger() -> None:
    with Deployed(*PROGRAM, "debug") as server:
        status, text = page(server, "/fail")

        assert status == 500
        assert "failed on purpose" in text
        assert "__debugger__" in text
        assert server.client().open_socket().receive_event()[0] == "here"


def test_what_was_put_around_the_application_sees_all_requests() -> None:
    with Deployed(*PROGRAM, "behind a proxy") as server:
        assert page(server, "/") == (200, "a page for 10.1.2.3")
        assert server.client().open_socket().receive_event()[0] == "here"
        server.end_quietly()


def test_the_reloader_starts_the_server_again(tmp_path: Path) -> None:
    watched = tmp_path / "watched"
    watched.write_text("one")
    with Deployed(*PROGRAM, "reload", str(watched)) as server:
        first = pid_of(server.port)

        os.utime(watched, (2e9, 2e9))
        server.read_log_until("Detected change")
        while not (found := re.findall(r"serving on \(.*?, (\d+)\)", server.log))[1:]:
            server.read_log_line()

        assert pid_of(int(found[1])) != first
        assert server.stop(signal.SIGTERM) == 0


def pid_of(port: int) -> int:
    """Return the id of the process that serves."""
    with RawClient(f"http://127.0.0.1:{port}", "/socket.io/") as client:
        pid: int = client.open_socket().receive_event()[1]
        return pid
