"""What the memory adapter does beyond the contract of all adapters."""

from __future__ import annotations

from typing import Any

import pytest

from sockio.adapters import Adapter, MemoryAdapter
from sockio.protocol.socketio.packet import Packet, PacketType
from tests.contract.adapters import NAMESPACE, Cluster, Question, addressed


@pytest.fixture
def cluster() -> Cluster:
    return Cluster([MemoryAdapter])


def test_it_is_an_adapter_of_its_namespace(cluster: Cluster) -> None:
    assert isinstance(cluster.adapter, Adapter)
    assert cluster.adapter.nsp is cluster.servers[0]


def test_other_servers_are_reached_by_no_event(
    cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    answers: list[Any] = []

    cluster.adapter.server_side_emit(["hello"])
    cluster.adapter.server_side_emit(["hello"], lambda *args: answers.append(args))

    assert answers == [(None, [])]
    assert len(caplog.records) == 1, "said once, not for every event"
    assert "reaches no server" in caplog.text


def test_a_question_needs_an_id(cluster: Cluster) -> None:
    packet = Packet(PacketType.EVENT, NAMESPACE, ["q"])

    with pytest.raises(ValueError, match="needs an id"):
        cluster.adapter.broadcast_with_ack(packet, addressed(), Question())


def test_nobody_is_disturbed_by_rooms_nobody_listens_to(cluster: Cluster) -> None:
    cluster.adapter.on("create-room", lambda room: None)

    socket = cluster.socket("r1")
    cluster.adapter.add_all(socket.id, ["r1"])
    cluster.adapter.del_all(socket.id)

    assert cluster.servers[0].announced == [socket.id]


def test_room_events_come_when_the_change_is_complete(cluster: Cluster) -> None:
    seen: list[frozenset[str] | None] = []
    adapter = cluster.adapter
    adapter.on("join-room", lambda room, sid: seen.append(adapter.socket_rooms(sid)))

    adapter.add_all("sid", ["r1", "r2"])

    assert seen == [frozenset({"r1", "r2"})] * 2
