from __future__ import annotations

import io
import socket
import sys
from pathlib import Path
from typing import Any

import gevent.socket
import pytest
from gunicorn import SERVER_SOFTWARE

import sockio
from tests.support.gunicorn_worker import Quiet, Recorder, serving
from tests.support.raw_client import RawClient
from tests.support.waiting import wait_until
from tests.unit.integrations.gunicorn.application import fail, hello, tell


def test_the_environ() -> None:
    with serving(tell, workers=2) as served:
        connection = served.connect()

        def told(name: str) -> str:
            return connection.request("GET", f"/?{name}").text

        assert told("SERVER_SOFTWARE") == repr(SERVER_SOFTWARE)
        assert told("wsgi.multiprocess") == told("wsgi.multithread") == "True"
        assert told("REMOTE_ADDR") == "'127.0.0.1'"
        assert "FileWrapper" in told("wsgi.file_wrapper")
        assert told("gunicorn.socket") == "None"


def test_the_environ_of_a_unix_socket(tmp_path: Path) -> None:
    listener = gevent.socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "socket"))
    listener.listen()
    with serving(tell, sockets=[listener]) as served:
        connection = served.connect()
        assert connection.request("GET", "/?REMOTE_ADDR").text == "''"
        assert connection.request("GET", "/?SERVER_NAME").text == "'localhost'"


def test_a_proxy_tells_the_scheme() -> None:
    https = {"X-Forwarded-Proto": "https"}
    with serving(tell) as served:
        target = "/?wsgi.url_scheme"
        connection = served.connect()
        assert connection.request("GET", target, headers=https).text == "'https'"

        contradiction = https | {"X-Forwarded-Ssl": "off"}
        assert connection.request("GET", target, headers=contradiction).status == 400


def test_without_keep_alive_each_answer_is_the_last() -> None:
    with serving(hello, keepalive=0) as served:
        answer = served.connect().request("GET", "/")

    assert answer.headers["connection"] == "close"


def test_a_limit_is_named_as_gunicorn_does(caplog: pytest.LogCaptureFixture) -> None:
    with serving(hello, limit_request_fields=2) as served:
        fields = {"A": "1", "B": "2"}
        assert served.connect().request("GET", "/", headers=fields).status == 431
        assert served.connect().request("GET", "/" + "a" * 4100).status == 414

    said = [one.getMessage() for one in caplog.records if one.levelname == "WARNING"]
    assert "is larger than 2 lines; " in said[0]
    assert "a larger limit_request_fields (--limit-request-fields) to" in said[0]
    assert "is larger than 4094 bytes; " in said[1]
    assert "a larger limit_request_line (--limit-request-line) to" in said[1]


def test_an_error_of_the_application_is_in_the_error_log(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    errors = io.StringIO()
    monkeypatch.setattr(sys, "stderr", errors)
    with serving(fail) as served:
        assert served.connect().request("GET", "/").status == 500

    assert "ZeroDivisionError: by the application" in errors.getvalue()


def test_an_error_of_a_hook_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", io.StringIO())

    def refuse(worker: Any, request: Any) -> None:
        raise LookupError

    with serving(hello, pre_request=refuse) as served:
        assert served.connect().request("GET", "/").status == 500


def test_an_error_of_a_hook_behind(caplog: pytest.LogCaptureFixture) -> None:
    def stumble(worker: Any, request: Any) -> None:
        raise LookupError

    with serving(hello, post_request=stumble) as served:
        connection = served.connect()
        for _ in range(2):
            assert connection.request("GET", "/a").text == "/a"

    said = [one.getMessage() for one in caplog.records if one.levelname == "ERROR"]
    assert said == ["gunicorn's access log or post_request failed"] * 2


@pytest.mark.parametrize("logs", [False, True], ids=["in the hub", "through WSGI"])
def test_polls_are_counted_either_way(logs: bool) -> None:
    io = sockio.Server[Any]()
    log = Recorder if logs else Quiet
    with serving(io.serve_handler(), max_requests=4, log=log) as served:
        client = RawClient("http://{}:{}".format(*served.address), "/socket.io/")
        session = client.open_session()
        session.post("40")
        session.poll()
        assert served.worker.alive
        session.post("1")
        wait_until(lambda: not served.worker.alive)
        client.close()
        assert served.worker.nr == 4
        if logs:
            methods = [known["m"] for known in served.log.accesses]
            assert methods == ["GET", "POST", "GET", "POST"]
    io.close()
