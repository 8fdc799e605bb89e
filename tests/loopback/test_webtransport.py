"""WebTransport: aioquic's own client against our server, over UDP of this machine."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import gevent
import gevent.socket
import pytest
from aioquic.quic.packet import QuicErrorCode, QuicFrameType

import sockio
from sockio.engine.quic.listener import Listener
from sockio.protocol.engineio.packet import Packet, PacketType
from sockio.runtime.reactor import Reactor
from tests.support.leaks import nothing_to_collect
from tests.support.quic_client import QuicClient, RawSession
from tests.support.quic_served import ALL, CERTIFICATE, QuicServed
from tests.support.raw_client import PollingSession
from tests.support.served import Gate, Heard

from .conftest import Serve

ServeQuic: TypeAlias = Callable[..., QuicServed]


@pytest.fixture
def serve_quic(serve: Serve) -> Iterator[ServeQuic]:
    """Give a function that starts a server with WebTransport."""
    running: list[QuicServed] = []

    def start(limits: dict[str, Any] | None = None, **options: Any) -> QuicServed:
        options = {"transports": ALL, **options}
        running.append(QuicServed(serve(**options), **(limits or {})))
        return running[-1]

    yield start
    for one in running:
        one.close()


@pytest.fixture
def served(serve_quic: ServeQuic) -> QuicServed:
    return serve_quic()


def message(text: str) -> Packet:
    return Packet(PacketType.MESSAGE, text)


# ------------------------------------------------------------------ a new session


def test_an_open_packet_without_data_opens_a_session(served: QuicServed) -> None:
    session = served.client().open_session()

    packet = session.handshake()

    assert session.status == 200
    assert packet.type is PacketType.OPEN
    fields = json.loads(str(packet.data))
    assert list(served.io.engine.clients) == [fields.pop("sid")]
    assert fields == {
        "upgrades": [],
        "pingInterval": 25000,
        "pingTimeout": 20000,
        "maxPayload": 1000000,
    }


def test_events_travel_both_ways_with_bytes(served: QuicServed) -> None:
    session, socket = served.join()
    socket.on("echo", lambda *args: socket.emit("echo", *args))

    session.send('451-["echo",{"_placeholder":true,"num":0}]', b"\x00\xff")

    assert session.receive() == message('51-["echo",{"_placeholder":true,"num":0}]')
    assert session.receive() == Packet(PacketType.MESSAGE, b"\x00\xff")


@pytest.mark.parametrize("size", [125, 126, 65535, 65536, 900_000])
def test_a_message_of_any_size_arrives_whole(served: QuicServed, size: int) -> None:
    session, socket = served.join()
    socket.on("echo", lambda text: text)

    session.send(f'420["echo","{"x" * size}"]')

    assert session.receive(5) == message(f'30["{"x" * size}"]')


def test_an_empty_attachment_arrives(served: QuicServed) -> None:
    session, socket = served.join()

    socket.emit("nothing", b"")

    assert session.receive().data == '51-["nothing",{"_placeholder":true,"num":0}]'
    assert session.receive() == Packet(PacketType.MESSAGE, b"")


def test_the_handshake_describes_the_connect_request(served: QuicServed) -> None:
    client = served.client()
    session = client.open_session("/socket.io/?a=b", origin="https://page.example")
    session.handshake()
    session.send("40")
    session.receive()

    handshake = served.served.newest().handshake

    assert (handshake.url, handshake.query) == ("/socket.io/?a=b", {"a": "b"})
    assert handshake.headers["origin"] == "https://page.example"
    assert (handshake.address, handshake.secure) == ("127.0.0.1", True)
    assert handshake.xdomain


def test_packets_behind_the_first_one_wait_for_the_session(served: QuicServed) -> None:
    session = served.client().open_session().open_stream()

    session.send("0", "40")

    assert session.receive().type is PacketType.OPEN
    assert str(session.receive().data).startswith("0{")


def test_several_sessions_share_a_connection(served: QuicServed) -> None:
    client = served.client()
    sessions = [client.open_session() for _ in range(3)]

    for session in sessions:
        session.handshake()
        session.send("40")
        session.receive()
    served.io.emit("all")

    assert [session.receive() for session in sessions] == [message('2["all"]')] * 3
    assert served.listening.connections == 1


# ------------------------------------------------------------------ upgrades


def start_upgrade(served: QuicServed, session: PollingSession) -> RawSession:
    stream = served.client().open_session().open_stream()
    stream.send(json.dumps({"sid": session.sid}).join(("0", "")))
    return stream


def test_a_polling_session_moves_to_webtransport(served: QuicServed) -> None:
    polling = served.served.raw.open_session()
    (conn,) = served.io.engine.clients.values()
    upgrades = Heard()
    conn.on("upgrade", upgrades)

    stream = start_upgrade(served, polling)
    stream.send("2probe")
    assert stream.receive() == Packet(PacketType.PONG, "probe")
    stream.send("5", "40")

    assert upgrades.next()[0].name == "webtransport"
    assert str(stream.receive().data).startswith("0{")
    assert conn.transport.name == "webtransport"
    assert polling.poll().status == 400
    assert len(served.io.engine.clients) == 1


def test_the_handshake_offers_what_is_configured(
    serve_quic: ServeQuic, serve: Serve
) -> None:
    with_it = serve_quic().served.raw.open_session()
    without = serve().raw.open_session()

    assert with_it.handshake["upgrades"] == ["websocket", "webtransport"]
    assert without.handshake["upgrades"] == ["websocket"]


def test_an_upgrade_that_is_not_finished_leaves_polling(
    serve_quic: ServeQuic,
) -> None:
    served = serve_quic(upgrade_timeout=0.1)
    polling = served.served.raw.open_session()
    stream = start_upgrade(served, polling)
    stream.send("2probe")

    stream.wait_closed()

    assert polling.post("40").status == 200
    assert [c.transport.name for c in served.io.engine.clients.values()] == ["polling"]


def test_a_client_that_leaves_during_the_probe_leaves_polling(
    served: QuicServed,
) -> None:
    polling = served.served.raw.open_session()
    stream = start_upgrade(served, polling)
    stream.send("2probe")
    stream.receive()
    (conn,) = served.io.engine.clients.values()

    stream.close()
    stream.wait_closed()

    assert not conn.upgrading
    assert polling.post("40").status == 200


@pytest.mark.parametrize(
    "data",
    ['{"sid":"unknown"}', "{", "[]", '{"sid":1}', "{}", '"sid"'],
)
def test_an_upgrade_of_no_session_is_shut_out(served: QuicServed, data: str) -> None:
    stream = served.client().open_session().open_stream()

    stream.send("0" + data)

    stream.wait_closed()
    assert not served.io.engine.clients


def test_a_session_that_was_upgraded_is_not_upgraded_again(
    served: QuicServed,
) -> None:
    polling = served.served.raw.open_session()
    stream = start_upgrade(served, polling)
    stream.send("2probe")
    stream.receive()
    stream.send("5")

    again = start_upgrade(served, polling)
    again.wait_closed()

    stream.send("40")
    assert str(stream.receive().data).startswith("0{")


# ------------------------------------------------------------------ shut out


@pytest.mark.parametrize("first", ["4hello", "1", "2probe", b"bytes"])
def test_another_first_packet_is_shut_out(
    served: QuicServed, first: str | bytes
) -> None:
    session = served.client().open_session().open_stream()

    session.send(first)

    session.wait_closed()
    assert not served.io.engine.clients


@pytest.mark.parametrize("step", ["no stream", "no packet", "half a packet"])
def test_who_says_nothing_in_time_is_shut_out(serve_quic: ServeQuic, step: str) -> None:
    session = serve_quic(upgrade_timeout=0.1).client().open_session()
    if step != "no stream":
        session.open_stream()
    if step == "half a packet":
        session.send_bytes(b"\x05")

    session.wait_closed()


# Length 0, > max_http_buffer_size, > 2^53 - 1
@pytest.mark.parametrize(
    "data",
    [b"\x00", b"\x7e\x03\xe9", b"\x7f\x00\x20" + bytes(6), b"\x7f" + b"\xff" * 8],
)
def test_a_length_out_of_range_is_a_parse_error(
    serve_quic: ServeQuic, data: bytes
) -> None:
    served = serve_quic(max_http_buffer_size=1000)
    session = served.session()

    session.send_bytes(data)

    session.wait_closed()
    assert served.closes.next()[0] == "parse error"


def test_what_is_too_large_is_logged(
    serve_quic: ServeQuic, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "sockio")
    served = serve_quic(max_http_buffer_size=1000)
    session = served.session()

    session.send_bytes(b"\x7e\x03\xe9")
    session.wait_closed()

    assert "1001 bytes" in caplog.text
    assert "max_http_buffer_size=1000" in caplog.text


@pytest.mark.parametrize("packet", ["9", "\x00"])
def test_a_packet_that_cannot_be_read_is_a_parse_error(
    served: QuicServed, packet: str
) -> None:
    session = served.session()

    session.send(packet)

    session.wait_closed()
    assert served.closes.next()[0] == "parse error"


@pytest.mark.parametrize(
    ("path", "how", "status"),
    [
        ("/other/", {}, 404),
        ("/socket.io/", {"method": "GET"}, 404),
        ("/socket.io/", {"protocol": "websocket"}, 404),
    ],
)
def test_other_requests_are_not_found(
    served: QuicServed, path: str, how: dict[str, str], status: int
) -> None:
    session = served.client().ask(path, **how)

    session.wait_closed()

    assert session.status == status


def test_a_middleware_may_refuse_a_session(serve_quic: ServeQuic) -> None:
    served = serve_quic()
    served.io.engine.use(lambda request, response: response.end(401))

    session = served.client().open_session()

    assert (session.status, session.closed) == (401, True)


def test_a_wsgi_middleware_sees_the_connect(serve_quic: ServeQuic) -> None:
    def only_known(app: Any) -> Any:
        def check(environ: Any, start_response: Any) -> Any:
            if environ.get("HTTP_AUTHORIZATION") != "me":
                start_response("403 Forbidden", [("Content-Length", "2")])
                return [b"no"]
            return app(environ, start_response)

        return check

    served = serve_quic()
    served.io.engine.use(only_known)
    client = served.client()

    assert client.open_session().status == 403
    assert client.open_session(authorization="me").status == 200


def test_a_middleware_that_fails_refuses_the_session(serve_quic: ServeQuic) -> None:
    served = serve_quic()
    served.io.engine.use(lambda request, response: 1 / 0)

    assert served.client().open_session().status == 400
    assert served.refusals.next()[0].context == {"name": "MIDDLEWARE_FAILURE"}


def test_a_wsgi_middleware_that_fails_is_an_error_of_the_server(
    serve_quic: ServeQuic,
) -> None:
    def broken(app: Any) -> Any:
        return lambda environ, start_response: 1 / 0

    served = serve_quic()
    served.io.engine.use(broken)

    assert served.client().open_session().status == 500


def test_who_cannot_be_judged_is_refused(serve_quic: ServeQuic) -> None:
    served = serve_quic(allow_request=lambda request: 1 / 0)
    session = served.client().open_session().open_stream()

    session.send("0")

    session.wait_closed()
    assert served.refusals.next()[0].code == 4


# The same rules as for the other transports: allow_request, check_origin
def test_allow_request_may_refuse_a_new_session(serve_quic: ServeQuic) -> None:
    def judge(request: Any) -> None:
        raise sockio.Forbidden("not you")

    served = serve_quic(allow_request=judge)
    session = served.client().open_session().open_stream()
    session.send("0")

    session.wait_closed()

    info = served.refusals.next()[0]
    assert (info.code, info.context) == (4, {"message": "not you"})
    assert not served.io.engine.clients


def test_a_page_from_elsewhere_is_refused_where_origins_are_checked(
    serve_quic: ServeQuic,
) -> None:
    served = serve_quic(check_origin=True)
    client = served.client()
    port = served.listening.address[1]
    own = client.open_session(origin=f"https://localhost:{port}")
    other = client.open_session(origin="https://evil.example")

    own.handshake()
    other.open_stream().send("0")

    other.wait_closed()
    assert served.refusals.next()[0].code == 4


def test_a_client_may_leave_while_it_is_judged(serve_quic: ServeQuic) -> None:
    gate = Gate()
    served = serve_quic(allow_request=lambda request: gate.stop())
    session = served.client().open_session().open_stream()
    session.send("0")
    gate.wait_reached()

    session.close()
    session.wait_closed()
    gate.open()
    gevent.idle()

    assert not served.io.engine.clients


def test_who_sends_too_much_while_it_is_judged_is_shut_out(
    serve_quic: ServeQuic,
) -> None:
    gate = Gate()
    served = serve_quic(allow_request=lambda request: gate.stop())
    session = served.client().open_session().open_stream()

    session.send("0", *["4early"] * 20)

    session.wait_closed()
    gate.open()
    gevent.idle()
    assert not served.io.engine.clients


def test_no_new_session_is_opened_while_the_server_drains(
    served: QuicServed,
) -> None:
    served.io.engine.retry_after = 5.0
    session = served.client().open_session().open_stream()

    session.send("0")

    session.wait_closed()


@pytest.mark.parametrize(
    ("retry_after", "first", "code"),
    [
        (5.0, "0", "server-closing"),
        (None, "0", "not-allowed"),
        (None, "4early", "webtransport-refused"),
    ],
)
def test_a_refusal_is_one_line_of_the_log(
    serve_quic: ServeQuic,
    caplog: pytest.LogCaptureFixture,
    retry_after: float | None,
    first: str,
    code: str,
) -> None:
    caplog.set_level(logging.INFO, "sockio")
    served = serve_quic(allow_request=lambda request: retry_after is not None)
    served.io.engine.retry_after = retry_after
    session = served.client().open_session().open_stream()

    session.send(first)
    session.wait_closed()

    (record,) = [vars(r) for r in caplog.records if hasattr(r, "sockio_code")]
    assert record["sockio_code"] == code
    assert record["sockio_transport"] == "webtransport"
    assert record["sockio_address"] == "127.0.0.1"


def test_a_plain_request_for_webtransport_is_refused(served: QuicServed) -> None:
    raw = served.served.raw

    answer = raw.request("GET", raw.target(EIO=4, transport="webtransport"))

    assert (answer.status, json.loads(answer.text)["code"]) == (400, 0)


# ------------------------------------------------------------------ heartbeat


def test_pings_are_answered_and_asked_again(serve_quic: ServeQuic) -> None:
    session = serve_quic(ping_interval=0.05).session()

    for _ in range(3):
        assert session.receive() == Packet(PacketType.PING)
        session.send("3")


def test_a_silent_client_is_closed(serve_quic: ServeQuic) -> None:
    served = serve_quic(ping_interval=0.05, ping_timeout=0.05)
    session = served.session()

    session.wait_closed()

    assert served.closes.next() == ("ping timeout", None)


# ------------------------------------------------------------------ closing


def end_session(session: RawSession) -> None:
    session.close()


def end_stream(session: RawSession) -> None:
    session.send_bytes(b"", last=True)


def reset_stream(session: RawSession) -> None:
    assert session.stream_id is not None
    session.client.quic.reset_stream(session.stream_id, 0)
    session.client.transmit()


def stop_reading(session: RawSession) -> None:
    assert session.stream_id is not None
    session.client.quic.stop_stream(session.stream_id, 0)
    session.client.transmit()


def end_connection(session: RawSession) -> None:
    session.client.close()


@pytest.mark.parametrize(
    "end", [end_session, end_stream, reset_stream, stop_reading, end_connection]
)
def test_a_client_may_end_in_any_way(
    served: QuicServed, end: Callable[[RawSession], None]
) -> None:
    session, socket = served.join()
    reasons = Heard()
    socket.on("disconnect", reasons)

    end(session)

    assert reasons.next() == ("transport close", None)
    assert not served.io.engine.clients


# socket.disconnect(true): DISCONNECT arrives before the end
def test_what_was_sent_arrives_before_the_server_closes(served: QuicServed) -> None:
    session, socket = served.join()

    socket.emit("last", "x" * 300_000)
    socket.disconnect(True)

    assert len(str(session.receive().data)) > 300_000
    assert session.receive() == message("1")
    assert session.receive() == Packet(PacketType.PING)
    assert not session.closed
    session.send("3")
    session.wait_closed()
    assert session.finished


def test_close_with_discard_does_not_wait(served: QuicServed) -> None:
    session, socket = served.join()

    socket.conn.close(discard=True)

    session.wait_closed()
    assert served.closes.next()[0] == "forced close"


def test_the_client_reads_that_the_session_was_closed(served: QuicServed) -> None:
    session, socket = served.join()

    socket.conn.close()
    assert session.receive() == Packet(PacketType.PING)
    session.send("3")
    session.wait_closed()

    # CLOSE_WEBTRANSPORT_SESSION, length 4, code 0.
    assert session.capsules == b"\x68\x43\x04\x00\x00\x00\x00"


def be_closed(session: RawSession, socket: sockio.Socket[Any]) -> None:
    socket.disconnect(True)
    assert session.receive() == message("1")
    assert session.receive() == Packet(PacketType.PING)
    session.send("3")
    session.wait_closed()


def leave(session: RawSession, socket: sockio.Socket[Any]) -> None:
    session.close()


def be_discarded(session: RawSession, socket: sockio.Socket[Any]) -> None:
    socket.conn.close(discard=True)
    session.wait_closed()


def break_the_protocol(session: RawSession, socket: sockio.Socket[Any]) -> None:
    session.send("?")
    session.wait_closed()


@pytest.mark.parametrize("end", [be_closed, leave, be_discarded, break_the_protocol])
def test_nothing_of_a_session_waits_for_the_garbage_collector(
    served: QuicServed, end: Callable[[RawSession, sockio.Socket[Any]], None]
) -> None:
    client = served.client()

    def come_and_go() -> None:
        session = client.open_session()
        session.handshake()
        session.send("40")
        session.receive()
        end(session, served.served.newest())
        served.closes.next()
        gevent.idle()

    come_and_go()  # what is kept for later clients is made
    with nothing_to_collect("sockio.engine"):  # the client has a decoder of ours
        come_and_go()


def test_io_close_ends_sessions_connections_and_the_port(served: QuicServed) -> None:
    session, socket = served.join()
    waiting = served.client().open_session()
    reasons = Heard()
    socket.on("disconnect", reasons)

    served.io.close()

    assert reasons.next()[0] == "server shutting down"
    session.client.wait(lambda: session.client.terminated)
    waiting.client.wait(lambda: waiting.client.terminated)
    with pytest.raises(RuntimeError):
        assert served.listening.address
    served.listening.close()


def test_the_connection_ends_in_a_way_that_browsers_take_for_no_error(
    served: QuicServed,
) -> None:
    session, _ = served.join()
    client = session.client

    served.io.close()
    client.wait(lambda: client.terminated)

    # QUIC's own NO_ERROR, in a frame of type 0x1c; 0x1d would have no frame type.
    assert client.terminated is not None
    assert client.terminated.error_code == QuicErrorCode.NO_ERROR
    assert client.terminated.frame_type == QuicFrameType.PADDING


def test_an_end_that_gets_lost_is_told_again(served: QuicServed) -> None:
    session, _ = served.join()
    client = session.client
    resume = client.pause()
    closing = gevent.spawn(served.io.close)

    client.lose()
    resume()

    client.wait(lambda: session.capsules)
    client.wait(lambda: client.terminated)
    closing.get(timeout=30)


def test_who_acknowledges_nothing_does_not_keep_the_server(served: QuicServed) -> None:
    session, _ = served.join()
    session.client.pause()

    with gevent.Timeout(1):
        served.io.close(timeout=0.05)

    assert served.listening.connections == 0


def test_the_port_alone_may_be_closed(served: QuicServed) -> None:
    session, _ = served.join()

    served.listening.close()

    assert session.capsules
    assert served.closes.next()[0] == "transport close"


# ------------------------------------------------------------------ flow


def test_a_slow_handler_does_not_delay_what_follows(serve_quic: ServeQuic) -> None:
    served = serve_quic(ping_interval=0.05)
    session, socket = served.join()
    gate = Gate()
    socket.on("slow", gate.stop)
    heard = Heard()
    socket.conn.on("message", heard)

    session.send('42["slow"]')
    gate.wait_reached()
    for _ in range(3):
        assert session.receive() == Packet(PacketType.PING)
        session.send("3", '42["more"]')
    messages = [heard.next()[0] for _ in range(4)]
    gate.open()

    assert messages == ['2["slow"]'] + ['2["more"]'] * 3


def test_a_handler_may_wait_for_its_client(served: QuicServed) -> None:
    session, socket = served.join()
    answers = Heard()
    socket.on("ask", lambda: answers(socket.call("question", timeout=2)))

    session.send('42["ask"]')
    assert session.receive() == message('20["question"]')
    session.send('430["answer"]')

    assert answers.next() == (("answer",),)


def test_a_second_volatile_packet_of_one_run_is_dropped(served: QuicServed) -> None:
    session, socket = served.join()

    socket.volatile.emit("first")
    socket.volatile.emit("second")
    socket.emit("third")

    assert session.receive() == message('2["first"]')
    assert session.receive() == message('2["third"]')


def test_a_client_that_does_not_read_makes_the_server_wait(
    served: QuicServed,
) -> None:
    session, socket = served.join()
    conn = socket.conn
    client = session.client
    reader = client.pause()

    for number in range(40):
        socket.emit("big", number, "x" * 50_000)

    assert (conn.transport.ready, conn.transport.writable) == (False, False)
    assert 0 < conn.transport.pending_size < 200_000
    assert conn.buffered_amount > 1_500_000
    socket.volatile.emit("dropped")
    reader()
    numbers = [json.loads(str(session.receive(5).data)[1:])[1] for _ in range(40)]
    assert numbers == list(range(40))
    client.wait(lambda: conn.transport.ready)
    assert conn.buffered_amount == 0
    socket.emit("after")
    assert session.receive() == message('2["after"]')


def test_a_client_that_reads_nothing_is_disconnected_at_the_limit(
    serve_quic: ServeQuic,
) -> None:
    policy = sockio.BufferPolicy(high=200_000, low=100_000)
    served = serve_quic(buffer=policy)
    session, socket = served.join()
    session.client.pause()

    for _ in range(20):
        socket.emit("big", "x" * 50_000)

    assert served.closes.next()[0] == "transport error"
    assert not socket.connected


def test_callbacks_run_when_the_message_has_left(served: QuicServed) -> None:
    session, socket = served.join()
    sent = Heard()
    resume = session.client.pause()
    socket.conn.send("4" + "x" * 500_000, callback=sent)

    assert not sent.calls
    resume()

    sent.next()
    assert session.receive(5).type is PacketType.MESSAGE


def test_lost_datagrams_are_made_up_for(served: QuicServed) -> None:
    count = 0

    def drop(data: bytes) -> bool:
        nonlocal count
        count += 1
        return count > 20 and count % 7 == 0

    session = served.client(drop=drop).open_session()
    session.handshake()
    session.send("40")
    session.receive()
    socket = served.served.newest()
    heard = Heard()
    socket.on("n", heard)

    for number in range(60):
        session.send(f'42["n",{number},"{"x" * 3000}"]')

    assert [heard.next(30)[0] for _ in range(60)] == list(range(60))


# ------------------------------------------------------------------ strangers


def test_a_second_stream_and_a_one_way_stream_are_refused(served: QuicServed) -> None:
    session, socket = served.join()
    client = session.client
    one_way = client.h3.create_webtransport_stream(
        session.session_id, is_unidirectional=True
    )
    second = client.h3.create_webtransport_stream(session.session_id)
    for stream_id in (one_way, second):
        client.quic.send_stream_data(stream_id, b"hello")
    client.transmit()

    client.wait(lambda: {one_way, second} <= client.stopped)

    socket.emit("still")
    assert session.receive() == message('2["still"]')


def test_a_stream_of_no_session_is_refused(served: QuicServed) -> None:
    session, _ = served.join()
    client = session.client
    stream_id = client.h3.create_webtransport_stream(400)
    client.quic.send_stream_data(stream_id, b"hello")
    client.transmit()

    client.wait(lambda: stream_id in client.stopped)


def test_datagrams_of_a_session_are_ignored(served: QuicServed) -> None:
    session, socket = served.join()

    session.client.h3.send_datagram(session.session_id, b"hello")
    session.client.transmit()
    socket.emit("still")

    assert session.receive() == message('2["still"]')


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00",
        b"\xff" * 1300,
        bytes(1300),
        b"\xc0" + b"\xff" * 1299,
        b"\xc3\0\0\0\x01",
    ],
    ids=["empty", "short", "ones", "zeros", "long", "initial"],
)
def test_garbage_is_ignored(served: QuicServed, data: bytes) -> None:
    stranger = gevent.socket.socket(gevent.socket.AF_INET, gevent.socket.SOCK_DGRAM)
    for _ in range(20):
        stranger.sendto(data, served.listening.address)
        stranger.sendto(data + os.urandom(1200), served.listening.address)

    served.session()

    stranger.close()


@pytest.mark.parametrize("code", [0x02, 0x03, 0x04, 0x0D])
def test_http3_frames_that_do_not_belong_end_the_connection(
    served: QuicServed, code: int
) -> None:
    session = served.session()
    client = session.client
    stream_id = client.quic.get_next_available_stream_id()

    client.quic.send_stream_data(stream_id, bytes((code, 1, 0)))
    client.transmit()

    client.wait(lambda: client.terminated)
    assert served.closes.next()[0] == "transport close"


def test_a_header_that_never_ends_ends_the_connection(served: QuicServed) -> None:
    client = served.session().client
    stream_id = client.quic.get_next_available_stream_id()
    # HEADERS, of nearly a gigabyte.
    client.quic.send_stream_data(stream_id, b"\x01\xbf\xff\xff\xff" + bytes(600_000))
    client.transmit()

    client.wait(lambda: client.terminated, 5)

    assert client.terminated is not None
    assert client.terminated.error_code == 0x107


# RFC 9000, 6.1
def test_another_version_is_answered_with_ours(served: QuicServed) -> None:
    stranger = gevent.socket.socket(gevent.socket.AF_INET, gevent.socket.SOCK_DGRAM)
    head = b"\xc0\x1a\x2a\x3a\x4a\x08theirsid\x06my own"

    stranger.sendto(head.ljust(1200, b"\0"), served.listening.address)

    with gevent.Timeout(30):
        answer = stranger.recv(2000)
    stranger.close()
    assert answer[1:5] == bytes(4)
    assert b"\x06my own\x08theirsid\0\0\0\x01" in answer


def test_a_bug_ends_one_connection_and_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    reactor = Reactor()
    reactor.start()
    listener = Listener(
        ("127.0.0.1", 0),
        reactor,
        certfile=CERTIFICATE,
        keyfile=CERTIFICATE,
        on_session=lambda session: 1 / 0,
        idle_timeout=5.0,
        session_timeout=5.0,
    )
    listener.bind()
    listener.serve()
    client = QuicClient(listener.address)

    client.ask()
    client.wait(lambda: client.terminated)

    assert "ZeroDivisionError" in caplog.text
    assert listener.connections == 0
    client.close()
    listener.close()


def test_too_many_sessions_of_one_connection_are_refused(served: QuicServed) -> None:
    client = served.client()
    for _ in range(16):
        assert client.open_session().status == 200

    assert client.open_session().status == 429


def test_a_connection_without_a_session_is_closed(serve_quic: ServeQuic) -> None:
    client = serve_quic(upgrade_timeout=0.1).client()

    client.wait(lambda: client.terminated)


def test_more_connections_than_allowed_get_no_answer(serve_quic: ServeQuic) -> None:
    served = serve_quic(limits={"max_connections": 1})
    served.session()

    late = served.client()
    gevent.spawn(late.wait, lambda: late.received, 0.1).join()

    assert late.received == 0
    assert served.listening.connections == 1


def test_while_many_handshakes_are_open_clients_prove_their_address(
    served: QuicServed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sockio.engine.quic.listener.RETRY_ABOVE", 0)

    session = served.session()

    session.send("40")
    assert str(session.receive().data).startswith("0{")
    assert session.client.quic._retry_count == 1


# ------------------------------------------------------------------ configuration


def test_webtransport_must_be_among_the_transports(serve: Serve) -> None:
    io = serve().io

    with pytest.raises(sockio.ConfigError, match="transports="):
        io.listen_webtransport(0, CERTIFICATE, CERTIFICATE)


def test_a_file_without_a_certificate_is_named(
    serve_quic: ServeQuic, tmp_path: Path
) -> None:
    wrong = tmp_path / "wrong.pem"
    wrong.write_text("hello")
    io = serve_quic().io

    with pytest.raises(sockio.ConfigError, match=r"wrong\.pem"):
        io.listen_webtransport(0, str(wrong), str(wrong))
    with pytest.raises(FileNotFoundError):
        io.listen_webtransport(0, str(tmp_path / "none"), CERTIFICATE)


def test_a_port_alone_is_one_of_every_interface(serve_quic: ServeQuic) -> None:
    io = serve_quic().io
    listening = io.listen_webtransport(0, CERTIFICATE, CERTIFICATE)
    client = QuicClient(("127.0.0.1", listening.address[1]))

    assert client.open_session().handshake().type is PacketType.OPEN

    client.close()


def test_a_path_is_no_address(serve_quic: ServeQuic) -> None:
    with pytest.raises(sockio.ConfigError, match="UDP"):
        serve_quic().io.listen_webtransport("unix:/x", CERTIFICATE, CERTIFICATE)


def test_without_aioquic_the_error_says_what_to_install(
    serve_quic: ServeQuic, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    io = serve_quic().io
    monkeypatch.delitem(sys.modules, "sockio.engine.quic.listener")
    monkeypatch.setitem(sys.modules, "aioquic.h3.connection", None)

    with pytest.raises(sockio.ConfigError, match=r"sockio\[webtransport\]"):
        io.listen_webtransport(0, CERTIFICATE, CERTIFICATE)
