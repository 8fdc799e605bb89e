"""The program that type checkers read also runs."""

from __future__ import annotations

import sockio
from tests.support.loopback import Loopback

from . import program


def test_the_program_serves_a_client() -> None:
    io = program.make_server()
    program.use_server(io)
    loopback = Loopback(io)
    try:
        websocket = loopback.client().websocket()
        assert websocket.receive()[0] == "0"
        assert websocket.receive() == "4hello"  # the initial packet
        websocket.send('40{"user":"ann"}')
        assert str(websocket.receive()).startswith('40{"sid"')
        assert websocket.receive_event()[:2] == ["message", "hello"]

        websocket.send('421["order:create",{"id":7}]')
        assert websocket.receive() == '431[{"status":"ok"}]'

        websocket.send('422["chat","hi",3]')
        assert websocket.receive() == "432[true]"
    finally:
        loopback.close()


def test_the_program_addresses_sockets() -> None:
    io = sockio.Server()
    namespace = io.of("/news")
    names: list[str] = []

    @namespace.on("connection")
    def connected(socket: sockio.Socket) -> None:
        socket.data.name = "ann"
        socket.join("here")
        names.extend(program.use_namespace(namespace))

    loopback = Loopback(io)
    try:
        websocket = loopback.client().websocket()
        websocket.receive()
        websocket.send("40/news,")
        assert str(websocket.receive()).startswith("40/news,")
        assert websocket.receive() == '42/news,["you were found"]'
        assert names == ["ann"]
    finally:
        loopback.close()


def test_the_program_has_a_test() -> None:
    io = sockio.Server()
    program.use_server(io)
    try:
        assert program.use_test_client(io) == "transport close"
    finally:
        io.close()


def test_the_program_runs_tasks() -> None:
    io = sockio.Server()
    try:
        assert program.use_tasks(io) == "AA"
    finally:
        io.close()


def test_the_program_serves_http() -> None:
    io = sockio.Server()
    server = program.use_http(io, program.answer)
    server.close()
    io.close()


def test_the_program_has_an_engine() -> None:
    assert program.use_engine().clients_count == 0
