"""Clients come back to another server on the same collection of MongoDB."""

from __future__ import annotations

from typing import Any

import pytest
from bson.objectid import ObjectId

import sockio
from sockio.adapters.buses.mongo.history import PATIENCE
from sockio.testing import FakeClock
from tests.support.broker_pair import BrokerPair, bus_of
from tests.support.mongo_server import MongoServer
from tests.support.raw_websocket import RawWebSocket
from tests.support.served import Served
from tests.support.waiting import wait_until

from .conftest import Serve
from .test_recovery import Joined, connect, join, lose

RECOVERY: dict[str, Any] = {"connection_state_recovery": True}


class Client:
    """A client of the first server, which has seen one event."""

    def __init__(self, pair: BrokerPair, server: MongoServer) -> None:
        self._server = server
        self.websocket, self.joined, self.socket = connect(pair.first)
        self.socket.join("room")
        self.socket.data.name = "Ann"
        pair.first.io.emit("seen")
        self.offset = self.websocket.receive_event()[-1]
        assert pair.there.receive_event()[0] == pair.here.receive_event()[0] == "seen"

    def lose(self) -> None:
        """Break the connection; wait until the session is kept."""
        lose(self.websocket, self.socket)
        key = {"type": 13, "data.pid": self.joined.pid}
        wait_until(lambda: self._server.documents.find_one(key), pause=0.01)

    def come_back(self, served: Served, **auth: Any) -> tuple[RawWebSocket, Joined]:
        websocket, _ = served.raw.open_websocket_session()
        claim = {"pid": self.joined.pid, "offset": self.offset, **auth}
        return websocket, join(websocket, **claim)


@pytest.fixture
def pair(serve: Serve, mongo_server: MongoServer) -> BrokerPair:
    pair = BrokerPair(serve, mongo_server.url, **RECOVERY)
    pair.wait_two()
    return pair


@pytest.fixture
def client(pair: BrokerPair, mongo_server: MongoServer) -> Client:
    return Client(pair, mongo_server)


def say_much(pair: BrokerPair) -> list[str]:
    """Have both servers say something, to all at last; return what is the client's."""
    pair.first.io.to("room").to("other").emit("a")
    pair.second.io.to("room").emit("b")
    pair.second.io.to("other").emit("no")
    pair.first.io.except_("room").emit("no")
    pair.first.io.volatile.emit("no")
    pair.first.io.emit("c")
    pair.second.io.emit("d")
    return ["a", "b", "c", "d"]


def names(joined: Joined) -> list[str]:
    return [event[0] for event in joined.missed]


def test_another_server_has_what_was_missed(pair: BrokerPair, client: Client) -> None:
    client.lose()
    missed = say_much(pair)
    # The second server has heard all of both: each says things in their order.
    last = {"c", "d"}
    while last:
        last.discard(pair.there.receive_event()[0])
    websocket, back = client.come_back(pair.second)
    pair.first.io.to("room").emit("later")

    # The two servers have not agreed on an order.
    assert sorted(names(back)) == missed
    assert names(back).index("a") < names(back).index("c")
    assert names(back).index("b") < names(back).index("d")
    assert back.sid == client.joined.sid
    socket = pair.second.io.sockets.sockets[back.sid]
    assert isinstance(socket, sockio.Socket)
    assert socket.recovered
    assert socket.rooms == {back.sid, "room"}
    assert socket.data.name == "Ann"
    assert websocket.receive_event()[0] == "later"


def test_a_server_that_started_later_has_it_too(
    serve: Serve, pair: BrokerPair, client: Client, mongo_server: MongoServer
) -> None:
    client.lose()
    pair.first.io.emit("a")
    pair.first.io.to("room").emit("b")
    assert pair.there.receive_event()[0] == "a"
    third = serve(adapter=mongo_server.url, **RECOVERY)
    third.io.start()
    wait_until(lambda: bus_of(third).up)

    websocket, back = client.come_back(third)
    pair.second.io.emit("later")

    assert names(back) == ["a", "b"]
    assert websocket.receive_event()[0] == "later"


def test_a_session_is_given_away_once(pair: BrokerPair, client: Client) -> None:
    client.lose()

    _, back = client.come_back(pair.second)
    _, again = client.come_back(pair.first)

    assert back.sid == client.joined.sid
    assert again.sid != back.sid


def test_a_capped_collection(serve: Serve, mongo_server: MongoServer) -> None:
    documents = mongo_server.documents
    documents.drop()
    documents.database.create_collection(documents.name, capped=True, size=1 << 20)
    pair = BrokerPair(serve, f"{mongo_server.url}?add_created_at_field=0", **RECOVERY)
    pair.wait_two()
    client = Client(pair, mongo_server)
    client.lose()

    _, back = client.come_back(pair.second)
    _, again = client.come_back(pair.first)

    assert back.sid == client.joined.sid
    assert again.sid != back.sid
    assert documents.find_one({"data.tombstone": True}) is not None
    assert documents.find_one({"createdAt": {"$exists": True}}) is None


@pytest.mark.parametrize(
    "auth",
    [
        {"pid": "unknown"},
        {"pid": "x" * 1000},
        {"offset": "no id"},
        {"offset": str(ObjectId())},
    ],
)
def test_who_cannot_be_recovered(
    pair: BrokerPair, client: Client, auth: dict[str, str]
) -> None:
    client.lose()

    _, back = client.come_back(pair.second, **auth)

    assert back.sid != client.joined.sid
    assert back.missed == []


def test_a_client_that_has_seen_nothing(
    pair: BrokerPair, mongo_server: MongoServer
) -> None:
    websocket, joined, socket = connect(pair.first)
    lose(websocket, socket)
    key = {"type": 13, "data.pid": joined.pid}
    wait_until(lambda: mongo_server.documents.find_one(key), pause=0.01)
    pair.first.io.emit("a")
    assert pair.there.receive_event()[0] == "a"

    again, _ = pair.second.raw.open_websocket_session()
    back = join(again, pid=joined.pid)

    assert (back.sid, names(back)) == (joined.sid, ["a"])


def test_an_event_that_does_not_come_back_is_delivered(
    serve: Serve, mongo_server: MongoServer, caplog: pytest.LogCaptureFixture
) -> None:
    clocks = FakeClock(), FakeClock()
    pair = BrokerPair(
        serve, mongo_server.url, clocks, ping_interval=3600, slow_handler=60, **RECOVERY
    )
    pair.wait_two()
    mongo_server.documents.create_index("data.packet.data", unique=True, sparse=True)

    # The second one is refused, so only time tells that it does not come.
    for number in (1, 1):
        pair.first.io.emit("n", number)
    assert pair.here.receive_event()[:2] == ["n", 1]
    wait_until(lambda: pair.stats().lost == 1)
    pair.advance(PATIENCE)
    assert pair.here.receive_event()[:2] == ["n", 1]
    assert caplog.text.count("refuses a document") == 1


def test_local_delivery_goes_on(serve: Serve) -> None:
    nobody = "mongodb://127.0.0.1:1/x?serverSelectionTimeoutMS=50"
    served = serve(adapter=nobody, **RECOVERY)
    websocket, _ = served.connect()

    for number in range(20):
        served.io.emit("n", number)

    for number in range(20):
        assert websocket.receive_event() == ["n", number, None]
