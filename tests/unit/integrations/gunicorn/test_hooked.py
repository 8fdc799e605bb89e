from __future__ import annotations

from typing import Any

from tests.support.gunicorn_worker import Recorder, serving
from tests.unit.integrations.gunicorn.application import hello


def test_what_hooks_get() -> None:
    seen: list[Any] = []

    def before(worker: object, request: object) -> None:
        seen.append(request)

    def after(
        worker: object, request: object, environ: object, response: object
    ) -> None:
        seen.extend([request, environ, response])

    with serving(hello, pre_request=before, post_request=after) as served:
        answer = served.connect().request("GET", "/a%20b?c=d", headers={"X-A": " e "})

    first, request, environ, response = seen
    assert answer.text == "/a b"
    assert first is request
    assert (request.method, request.uri, request.path) == (
        "GET",
        "/a%20b?c=d",
        "/a%20b",
    )
    assert (request.query, request.version, request.scheme) == ("c=d", (1, 1), "http")
    assert request.headers == [("HOST", "localhost"), ("X-A", "e")]
    assert request.remote_addr[0] == environ["REMOTE_ADDR"] == "127.0.0.1"
    assert (response.status, response.status_code, response.sent) == ("200 OK", 200, 4)
    assert response.headers == [("X-Answer", "yes: no")]


def test_what_can_be_logged() -> None:
    with serving(hello, log=Recorder) as served:
        headers = {"Referer": "https://page.example/"}
        served.connect().request("GET", "/a?sid=secret", headers=headers)

    (known,) = served.log.accesses
    assert (known["r"], known["q"]) == ("GET /a?sid=*** HTTP/1.1", "sid=***")
    assert (known["s"], known["b"], known["f"]) == ("200", "2", "https://page.example/")
    assert (known["{host}i"], known["{x-answer}o"]) == ("localhost", "yes: no")
    assert known["{raw_uri}e"] == "/a?sid=***"
    assert 0 <= known["D"] < 60_000_000
