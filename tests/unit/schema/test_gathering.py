from __future__ import annotations

import sockio
from sockio.schema.gathering import gather
from tests.support import typed_shop


def test_the_events_of_each_namespace() -> None:
    schema = gather(typed_shop.io)

    assert {
        channel.name: ([*channel.received], [*channel.sent])
        for channel in schema.channels
    } == {
        "/": (
            ["say", "asked", "tell", "first", "later", "bare", "imported", "more"],
            ["moved", "how-many", "joined", "loose", "ready"],
        ),
        "/admin": (["ban"], ["admin:alarm", "elsewhere"]),
        r"^/room-\d+$": (["leave"], []),
    }
    assert schema.error_answers
    assert len(schema.unread) == 1


def test_methods_have_no_socket_among_their_parameters() -> None:
    admin = gather(typed_shop.io).channels[1]

    assert [each.name for each in admin.received["ban"].parameters] == ["user", "days"]


def test_a_namespace_is_accepted_by_a_function_too() -> None:
    io = sockio.Server()

    def any_name(name: str, auth: object) -> bool:
        return True

    @io.of(any_name).on("connection")
    def connected(socket: sockio.Socket) -> None:
        socket.on("hello", lambda: None)

    schema = gather(io)
    assert [channel.name for channel in schema.channels][-1] == "any_name"
    assert not schema.error_answers
