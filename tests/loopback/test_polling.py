"""Long-polling: payloads, answers, and what ends a session."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from tests.support.engine import RunningEngine
from tests.support.http_wire import HttpConnection
from tests.support.raw_client import PollingSession

from .conftest import StartEngine


@pytest.fixture
def session(engine: RunningEngine) -> PollingSession:
    return engine.raw.open_session()


# ------------------------------------------------------------------ GET


def test_a_poll_takes_everything_that_waits(
    engine: RunningEngine, session: PollingSession
) -> None:
    engine.session.send("a").send("").send(b"\1\2\3\4").send("€ 😀")

    answer = session.poll()

    assert answer.status == 200
    assert answer.text == "4a\x1e4\x1ebAQIDBA==\x1e4€ 😀"
    assert answer.headers["content-type"] == "text/plain; charset=UTF-8"
    assert answer.headers["content-length"] == str(len(answer.body))


def test_no_answer_may_be_cached(session: PollingSession) -> None:
    answers = [
        session.answer,
        session.post("4a"),
        session.poll(transport="websocket"),
        session.client.request(transport="polling", sid="unknown"),
    ]

    assert [answer.headers["cache-control"] for answer in answers] == ["no-store"] * 4


@pytest.mark.parametrize(
    ("agent", "present"),
    [
        ("Mozilla/4.0 (compatible;MSIE 8.0; Windows NT 6.0)", True),
        ("Mozilla/5.0 (Windows NT 6.3; Trident/7.0; rv:11.0) like Gecko", True),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:109.0) Firefox/119.0", False),
    ],
)
def test_old_explorers_are_told_that_this_is_no_attack(
    engine: RunningEngine, agent: str, present: bool
) -> None:
    session = engine.raw.open_session(headers={"User-Agent": agent})
    posted = session.post("4a", headers={"User-Agent": agent})

    for answer in (session.answer, posted):
        assert answer.headers.get("x-xss-protection") == ("0" if present else None)


def test_a_waiting_poll_is_answered_as_soon_as_there_is_something(
    engine: RunningEngine, session: PollingSession
) -> None:
    poll = session.start_poll()
    engine.clock.settle()
    assert engine.session.transport.writable

    engine.session.send("a")
    engine.session.send("b")

    assert not engine.session.transport.writable
    assert poll.receive().text == "4a\x1e4b"


# A keep-alive connection serves poll after poll
def test_many_polls_run_over_one_connection(
    engine: RunningEngine, session: PollingSession
) -> None:
    for number in range(50):
        engine.session.send(str(number))

        assert session.poll().text == f"4{number}"


# "poll connection closed prematurely"; noticed at once
@pytest.mark.parametrize("how", ["close", "reset"])
def test_an_aborted_poll_ends_the_session_at_once(
    engine: RunningEngine, session: PollingSession, how: str
) -> None:
    poll = session.start_poll()
    engine.clock.settle()

    getattr(poll.wire, how)()

    assert engine.closes == [("transport error", "poll connection closed prematurely")]
    assert engine.engine.clients_count == 0


# Aborted polls are noticed under gevent's own server too
def test_an_aborted_poll_is_noticed_under_plain_pywsgi(
    start_engine: StartEngine,
) -> None:
    engine = start_engine(kind="pywsgi")
    poll = engine.raw.open_session().start_poll()
    engine.clock.settle()

    poll.close()

    assert engine.closes == [("transport error", "poll connection closed prematurely")]


# "overlap from client": 400, and the first is answered 1
def test_a_second_poll_ends_the_session(
    engine: RunningEngine, session: PollingSession
) -> None:
    first = session.start_poll()
    engine.clock.settle()

    second = session.start_poll().receive()

    assert (second.status, second.body) == (400, b"")
    assert first.receive().text == "1"
    assert engine.closes == [("transport error", "overlap from client")]


# ------------------------------------------------------------------ POST


def test_a_post_is_answered_ok(engine: RunningEngine, session: PollingSession) -> None:
    answer = session.post("4hello")

    assert (answer.status, answer.text) == (200, "ok")
    assert answer.headers["content-type"] == "text/html"
    assert answer.headers["content-length"] == "2"
    assert engine.messages == ["hello"]


def test_the_packets_of_a_post_are_handled_before_its_answer(
    engine: RunningEngine, session: PollingSession
) -> None:
    seen: list[int] = []
    engine.engine.on("headers", lambda: seen.append(len(engine.messages)))

    session.post("4a\x1e4b")

    assert seen == [2]


def test_a_post_carries_many_packets(
    engine: RunningEngine, session: PollingSession
) -> None:
    body = "\x1e".join(["4a", "4", "bAQID", "4" + "€😀", "6", "3"])

    assert session.post(body).status == 200
    assert engine.messages == ["a", "", b"\1\2\3", "€😀"]


def test_thousands_of_packets_fit_one_post(
    engine: RunningEngine, session: PollingSession
) -> None:
    body = "\x1e".join(f"4{number}" for number in range(5000))

    assert session.post(body).status == 200
    assert engine.messages == [str(number) for number in range(5000)]


@pytest.mark.parametrize("kind", ["sockio", "pywsgi"])
def test_a_post_may_be_chunked(start_engine: StartEngine, kind: str) -> None:
    engine = start_engine(kind=kind)
    session = engine.raw.open_session()
    http = engine.raw.http()

    http.wire.send(
        f"POST {session.target()} HTTP/1.1\r\nHost: x\r\n"
        "Transfer-Encoding: chunked\r\n\r\n"
        "3\r\n4he\r\n4\r\nllo\x1e\r\n2\r\n4b\r\n0\r\n\r\n".encode()
    )

    assert http.receive().text == "ok"
    assert engine.messages == ["hello", "b"]


# As in Node, bytes that are not UTF-8 are replaced
def test_a_post_that_is_not_utf8_is_mended(
    engine: RunningEngine, session: PollingSession
) -> None:
    assert session.post(b"4\xffA").status == 200

    assert engine.messages == ["\ufffdA"]


# Decoding stops at the first bad packet: parse error
@pytest.mark.parametrize("bad", ["", "x", "7"])
def test_a_bad_packet_ends_the_session_after_the_good_ones(
    engine: RunningEngine, session: PollingSession, bad: str
) -> None:
    answer = session.post(f"4a\x1e{bad}\x1e4b")

    assert answer.status == 400
    assert engine.messages == ["a"]
    ((reason, _),) = engine.closes
    assert reason == "parse error"
    assert session.poll().status == 400


# "invalid content": octet-stream under EIO4
def test_a_post_of_bytes_ends_the_session(
    engine: RunningEngine, session: PollingSession
) -> None:
    answer = session.post(b"\0\1", headers={"Content-Type": "application/octet-stream"})

    assert (answer.status, answer.body) == (400, b"")
    assert engine.closes == [("transport error", "invalid content")]


def half_post(session: PollingSession) -> HttpConnection:
    """Start a POST of ten bytes and send two of them."""
    http = session.client.http()
    http.wire.send(
        f"POST {session.target()} HTTP/1.1\r\nHost: x\r\n"
        "Content-Length: 10\r\n\r\n4a".encode()
    )
    return http


# "data request overlap from client": 400
def test_a_second_post_ends_the_session(
    engine: RunningEngine, session: PollingSession
) -> None:
    first = half_post(session)
    engine.clock.settle()

    second = session.post("4b")

    assert (second.status, second.body) == (400, b"")
    assert engine.closes == [("transport error", "data request overlap from client")]
    assert engine.messages == []
    with pytest.raises(ConnectionError):
        first.receive()


# "data request connection closed prematurely"
@pytest.mark.parametrize("how", ["close", "reset"])
@pytest.mark.parametrize("kind", ["sockio", "pywsgi"])
def test_an_aborted_post_ends_the_session_at_once(
    start_engine: StartEngine, kind: str, how: str
) -> None:
    engine = start_engine(kind=kind)
    post = half_post(engine.raw.open_session())
    engine.clock.settle()

    getattr(post.wire, how)()

    assert engine.closes == [
        ("transport error", "data request connection closed prematurely")
    ]
    assert engine.messages == []


def test_a_post_passes_a_waiting_poll(
    engine: RunningEngine, session: PollingSession
) -> None:
    poll = session.start_poll()
    engine.clock.settle()

    session.post("4up")
    engine.session.send("down")

    assert engine.messages == ["up"]
    assert poll.receive().text == "4down"


# Method other than GET and POST: 500, the session is not touched
@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS"])
def test_another_method_is_answered_500(
    engine: RunningEngine, session: PollingSession, method: str
) -> None:
    answer = session.post("4a", method=method)

    assert (answer.status, answer.body) == (500, b"")
    assert engine.messages == []
    assert engine.closes == []
    assert session.post("4b").status == 200


def test_binary_goes_both_ways_as_base64(
    engine: RunningEngine, session: PollingSession
) -> None:
    data = bytes(range(256)) * 1000

    session.post("b" + base64.b64encode(data).decode())
    engine.session.send(data)

    assert engine.messages == [data]
    polled = session.poll().text
    assert polled[0] == "b"
    assert base64.b64decode(polled[1:]) == data


# Buffer.from(text, "base64"): no padding, line breaks, the alphabet for URLs
def test_base64_is_read_as_node_reads_it(
    engine: RunningEngine, session: PollingSession
) -> None:
    answer = session.post("b-_8\x1ebAAEC\nAwQ=\n\x1ebZg==Zg==\x1e4after")

    assert answer.status == 200
    assert engine.messages == [b"\xfb\xff", b"\0\1\2\3\4", b"f", "after"]
    assert engine.closes == []


# A lone surrogate cannot travel as UTF-8
def test_a_lone_surrogate_leaves_as_the_replacement_character(
    engine: RunningEngine, session: PollingSession
) -> None:
    engine.session.send("a\ud800b")

    assert session.poll().text == "4a\ufffdb"


# HEAD is no handshake, and its answer has no body
def test_a_head_request_has_no_body(engine: RunningEngine) -> None:
    answer: Any = engine.raw.request("HEAD", transport="polling")

    assert (answer.status, answer.body) == (400, b"")
