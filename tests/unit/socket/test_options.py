from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

import sockio
from sockio.adapters import Cluster, Exchange, MemoryAdapter
from sockio.errors import ConfigError
from sockio.protocol.socketio import (
    AutoParser,
    JsonParser,
    MsgpackParser,
    Packet,
    PacketType,
)
from sockio.socket.options import ServerOptions


def test_the_defaults_are_nodes() -> None:
    options = ServerOptions()

    assert options.connect_timeout == 45.0
    assert options.max_attachments == 10
    assert options.strict_args
    assert options.slow_handler == 1.0
    assert not options.cleanup_empty_child_namespaces


def test_they_never_change() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        ServerOptions().connect_timeout = 1.0  # type: ignore[misc]


@pytest.mark.parametrize(
    ("name", "value", "hint"),
    [
        ("connect_timeout", 0, "give a number of seconds above 0"),
        ("connect_timeout", -1.0, "give a number of seconds above 0"),
        ("connect_timeout", "45", "give a number of seconds above 0"),
        ("connect_timeout", True, "give a number of seconds above 0"),
        ("connect_timeout", float("nan"), "give a number of seconds above 0"),
        ("connect_timeout", float("inf"), "give a number of seconds above 0"),
        ("connect_timeout", 45000, "not in milliseconds; give 45,"),
        ("serve_client", "yes", "give True or False"),
        ("serve_client", None, "give True or False"),
        ("cleanup_empty_child_namespaces", 1, "give True or False"),
        ("cancel_on_disconnect", "no", "give True or False"),
        ("error_acks", None, "give True or False"),
        ("strict_args", 0, "give True or False"),
        ("error_in_connection", "ignore", '"disconnect", or "keep"'),
        ("error_in_connection", True, '"disconnect", or "keep"'),
        ("client_dist", 5, "the path of a folder"),
        ("clock", 5, "FakeClock"),
        ("cors", "app.example", "its scheme"),
        ("trusted_proxies", True, "neither a number nor a list"),
        ("max_attachments", -1, "give a whole number, 0 or more"),
        ("max_attachments", 1.5, "give a whole number, 0 or more"),
        ("max_attachments", True, "give a whole number, 0 or more"),
        ("parser", "json", "give 'default', 'msgpack', 'auto' or an object"),
        ("parser", None, "give 'default', 'msgpack', 'auto' or an object"),
        ("parser", object(), r"encode\(packet\) and decoder\(\)"),
        ("parser", JsonParser, r"encode\(packet\) and decoder\(\)"),
        ("json", object(), "give an object with the functions"),
        ("slow_handler", 0, "give a number of seconds above 0"),
        ("slow_handler", -1.0, "give a number of seconds above 0"),
        ("slow_handler", float("inf"), "give a number of seconds above 0"),
        ("slow_handler", float("nan"), "give a number of seconds above 0"),
        ("slow_handler", True, "give a number of seconds above 0"),
        ("slow_handler", "1", "give a number of seconds above 0"),
    ],
)
def test_a_wrong_option_is_told_with_the_way_out(
    name: str, value: Any, hint: str
) -> None:
    with pytest.raises(ConfigError, match=hint) as caught:
        sockio.Server(**{name: value})

    assert name in str(caught.value)
    assert isinstance(caught.value, ValueError)


def test_an_unknown_adapter_is_refused() -> None:
    with pytest.raises(ConfigError):
        sockio.Server(adapter="carrier-pigeon://")


def test_a_server_is_attached_to_a_server() -> None:
    with pytest.raises(ConfigError, match="give an HTTP server made by"):
        sockio.Server(object())


class Codec:
    """The standard library's JSON, and how often it was called."""

    def __init__(self) -> None:
        self.calls = 0

    def dumps(self, value: Any, *, default: Any) -> str:
        self.calls += 1
        return json.dumps(value, default=default)

    def loads(self, text: str) -> Any:
        self.calls += 1
        return json.loads(text)


def test_another_json_library_is_used() -> None:
    codec = Codec()
    parser = ServerOptions(json=codec).make_parser()

    frames = parser.encode(Packet(PacketType.EVENT, "/", ["x", 1]))
    packet = parser.decoder().feed(frames[0])

    assert packet == Packet(PacketType.EVENT, "/", ["x", 1])
    assert codec.calls == 2


def test_a_parser_of_ones_own_is_taken_as_it_is() -> None:
    parser = JsonParser()

    assert ServerOptions(parser=parser).make_parser() is parser


def test_a_parser_of_ones_own_has_its_own_json_library() -> None:
    with pytest.raises(ConfigError, match="give it to that parser"):
        ServerOptions(parser=JsonParser(), json=json)


@pytest.mark.parametrize(
    ("name", "kind"),
    [("default", JsonParser), ("msgpack", MsgpackParser), ("auto", AutoParser)],
)
def test_a_parser_is_made_by_its_name(name: Any, kind: type) -> None:
    assert type(ServerOptions(parser=name).make_parser()) is kind


@pytest.mark.parametrize("name", ["msgpack", "auto"])
def test_another_json_library_converts_for_msgpack(name: Any) -> None:
    codec = Codec()
    parser = ServerOptions(parser=name, json=codec).make_parser()

    parser.encode(Packet(PacketType.EVENT, "/", ["x", 1]))

    assert codec.calls == 1


@pytest.mark.parametrize(
    ("values", "hint"),
    [
        ({"max_disconnection_duration": 120000}, "not in milliseconds; give 120,"),
        ({"max_disconnection_duration": 0}, "seconds above 0"),
        ({"skip_middlewares": "yes"}, "give True or False"),
        ({"maxDisconnectionDuration": 120000}, "write max_disconnection_duration"),
    ],
)
def test_wrong_ways_to_recover(values: dict[str, Any], hint: str) -> None:
    with pytest.raises(ConfigError, match=hint):
        sockio.Recovery(**values)


@pytest.mark.parametrize(
    ("server", "hint"),
    [
        ("127.0.0.1:3000", r"run\(\) or listen\(\)"),
        (("127.0.0.1", 3000), r"run\(\) or listen\(\)"),
        (lambda environ, start_response: [], r"attach\(app\)"),
        (True, "or nothing"),
    ],
)
def test_what_is_no_server_is_told_where_it_belongs(server: Any, hint: str) -> None:
    with pytest.raises(ConfigError, match=hint):
        sockio.Server(server)


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        (3000, '"host:port"'),
        ("unix:/run/shop", '"host:port"'),
        ("10.0.0.5", "10.0.0.5"),
        ("http://10.0.0.5:3000", "leave out http://"),
        ("0.0.0.0:3000", "status.podIP"),
        ("[::]:3000", "status.podIP"),
        ("*:3000", "status.podIP"),
        (":3000", "status.podIP"),
        ("10.0.0.5:0", "the port, too"),
        ("fd00::5:3000", r"in brackets"),
        ("a b:3000", "a b:3000"),
        ("a,b:3000", "no name of a host"),
    ],
)
def test_what_is_no_address_for_others(value: Any, hint: str) -> None:
    with pytest.raises(ConfigError, match=hint):
        ServerOptions(adapter=Cluster(Exchange().bus()), advertise=value)


@pytest.mark.parametrize(
    "value",
    ["10.0.0.5:3000", "[fd00::5]:3000", "[fe80::1%eth0]:3000", "node-1.shop:80"],
)
def test_an_address_for_others(value: str) -> None:
    options = ServerOptions(adapter=Cluster(Exchange().bus()), advertise=value)

    assert options.advertise == value


@pytest.mark.parametrize("adapter", [None, "unix:/run/shop", MemoryAdapter])
def test_machines_need_a_directory_to_find_each_other(adapter: Any) -> None:
    with pytest.raises(ConfigError, match="directory, which a Cluster has whose bus"):
        ServerOptions(adapter=adapter, advertise="10.0.0.5:3000")


@pytest.mark.parametrize(
    "secret",
    [b"0123456789abcdef", "", "too short", "with a space in it", "é" * 20, "x" * 300],
)
def test_what_is_no_secret_is_refused_and_not_shown(secret: Any) -> None:
    cluster = Cluster(Exchange().bus())
    with pytest.raises(ConfigError, match="16 to 256 characters") as caught:
        ServerOptions(
            adapter=cluster, advertise="10.0.0.5:3000", advertise_secret=secret
        )
    assert repr(secret) not in str(caught.value)


def test_a_secret_is_shown_nowhere() -> None:
    secret = "0123456789abcdef"
    options = ServerOptions(
        adapter=Cluster(Exchange().bus()),
        advertise="10.0.0.5:3000",
        advertise_secret=secret,
    )

    assert secret not in repr(options)


def test_a_secret_without_an_address_is_a_mistake() -> None:
    with pytest.raises(ConfigError, match="give advertise=, too"):
        ServerOptions(advertise_secret="0123456789abcdef")


def test_another_adapter_needs_a_directory_too() -> None:
    io = sockio.Server(adapter=Cluster(Exchange().bus()), advertise="10.0.0.5:3000")

    with pytest.raises(ConfigError, match="directory"):
        io.adapter(MemoryAdapter)
