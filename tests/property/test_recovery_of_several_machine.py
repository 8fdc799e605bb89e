"""Clients that break off and come back to any of several servers, as these come and go.

Each client sees the events of each sender exactly once and in order, whatever the order
in which the servers' messages arrive.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Container
from typing import Any

import gevent
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from sockio.adapters import (
    Account,
    BroadcastOptions,
    Flags,
    LocalNamespace,
    Message,
    Session,
)
from sockio.adapters import Cluster as ClusterOf
from sockio.adapters.cluster.bus import OwnLogs, Receive
from sockio.adapters.cluster.messages import MessageType, decode_trusted, encode
from sockio.protocol.socketio.packet import Packet, PacketType
from sockio.runtime.reactor import Reactor
from sockio.testing import FakeClock
from tests.contract.adapters import FakeSocket, Server

ROOMS = ["a", "b"]


class Text(str):
    """An encoded event."""

    size = property(len)


class Network:
    """The ways between the servers, on each of which messages wait."""

    def __init__(self) -> None:
        self.buses: dict[str, HeldUp] = {}
        self.ways: dict[tuple[str, str], deque[bytes]] = {}
        #: All there were, oldest first, by their ids, which differ from run to run.
        self.names: dict[str, str] = {}

    def send(self, uid: str, to: str, message: Message) -> None:
        if to in self.buses:
            self.ways.setdefault((uid, to), deque()).append(encode(message))

    @property
    def busy(self) -> list[tuple[str, str]]:
        """The ways on which something waits."""
        names = list(self.names)
        return sorted(
            (way for way, waiting in self.ways.items() if waiting),
            key=lambda way: [names.index(end) for end in way],
        )

    def carry(self, way: tuple[str, str]) -> None:
        """Let the oldest message of a way arrive."""
        message = decode_trusted(self.ways[way].popleft())
        self.buses[way[1]].receive(message, None)
        gevent.idle()

    def carry_all(self) -> None:
        while self.busy:
            self.carry(self.busy[0])

    def remove(self, uid: str) -> None:
        """End a server: what it has said arrives, then it is known to have gone."""
        del self.buses[uid]
        for (_, other), waiting in self.ways.items():
            if other == uid:
                waiting.clear()
        for other in self.buses:
            left = Message(uid, "/chat", MessageType.ADAPTER_CLOSE)
            self.ways.setdefault((uid, other), deque()).append(encode(left))


class HeldUp:
    """A bus on which messages wait until the test carries them."""

    receive: Receive

    def __init__(self, network: Network) -> None:
        self._network = network
        self.uid = ""
        #: To whom it gives everything when it ends, and if that one ends, too.
        self.stay: list[HeldUp] = []
        self.ends = False
        self.log = OwnLogs(self.heirs, self.others, lambda: False)
        self.account = Account()

    def open(self, reactor: Reactor, receive: Receive) -> None:
        self.receive = receive

    def heirs(self, nsp: str) -> list[str]:
        """Name one: the next one that began, since ids differ from run to run."""
        if self.stay:
            return [bus.uid for bus in self.stay if not bus.ends][:1]
        ids = list(self._network.names)
        ids = ids[ids.index(self.uid) + 1 :] + ids[: ids.index(self.uid)]
        return [uid for uid in ids if uid in self._network.buses][:1]

    def others(self, nsp: str) -> list[str]:
        return [uid for uid in self._network.buses if uid != self.uid]

    def join(self, nsp: LocalNamespace, uid: str, rooms: Container[Any]) -> None:
        self.uid = uid
        self._network.buses[uid] = self
        self._network.names[uid] = f"s{len(self._network.names)}"

    def leave(self, nsp: LocalNamespace, uid: str) -> None: ...

    def publish(
        self, message: Message, reached: Callable[[int], None] | None = None
    ) -> None:
        others = self.others(message.nsp)
        for uid in others:
            self._network.send(self.uid, uid, message)
        if reached is not None:
            reached(len(others))

    def reply(self, uid: str, message: Message) -> None:
        self._network.send(self.uid, uid, message)

    def count(self, nsp: LocalNamespace, told: Callable[[int], None]) -> None:
        told(len(self._network.buses) - 1)

    def close(self) -> None: ...


class Process(Server):
    """A server with one namespace."""

    recovery_duration: Any = 120.0
    recovery_mirrored: Any = True

    def __init__(self, network: Network, clock: FakeClock, name: str) -> None:
        self.clock: Any = clock
        self.label = name
        self.bus = HeldUp(network)
        self.cluster = ClusterOf(self.bus)
        reactor = Reactor(clock)
        reactor.start()
        self.cluster.start(reactor)
        super().__init__(self.cluster)
        self.adapter.init()
        #: How many events it has sent.
        self.sent = 0
        #: The connected clients.
        self.live: dict[str, Client] = {}

    def encode(self, packet: Packet, flags: Flags) -> Any:
        return Text(super().encode(packet, flags))

    @property
    def carriage(self) -> Any:
        return self

    def load(self, wire: Any) -> Any:
        return str(wire)

    def unload(self, load: Any) -> Any:
        return Text(load)

    def let_go(self, pid: str) -> None:
        client = self.live.get(pid)
        if client is not None:
            client.away = True
            client.notice()

    def enter(self, client: Client, session: Session) -> None:
        """Let a client in."""
        socket = FakeSocket(self, session.sid)
        client.connection = Connection(self, socket, session)
        self.connected[session.sid] = socket
        self.live[client.name] = client
        self.adapter.add_all(session.sid, session.rooms)
        self.adapter.watch_session(
            client.name, session.sid, client.connection.session_now
        )

    def end(self) -> None:
        self.adapter.close()
        self.cluster.close()


class Connection:
    """A connection of a client, as its server sees it."""

    def __init__(self, process: Process, socket: FakeSocket, session: Session) -> None:
        self.process = process
        self.socket = socket
        self.session = session
        for missed in session.missed_packets:
            socket.deliver(missed, Packet(PacketType.EVENT, "/chat", []), False)

    def session_now(self) -> Session:
        """Return what is to be kept of it."""
        return Session(
            sid=self.socket.id,
            pid=self.socket.id,
            rooms=tuple(sorted(self.socket.rooms)),
            data=None,
            since=self.session.since,
            inherited=self.session.inherited,
        )


class Client:
    """A client: what it has seen, and where it is."""

    def __init__(self, name: str, rooms: list[str]) -> None:
        self.name = name
        self.rooms = rooms
        self.offset: str | None = None
        #: What it has seen of each sender.
        self.seen: dict[str, list[int]] = {}
        #: Until a server has noticed its end; the client itself may be away already.
        self.connection: Connection | None = None
        self.away = True
        #: While a server looks for its session.
        self.coming: Any = None
        #: By sender, the first event that it must see.
        self.first: dict[str, int] = {}
        self.failed = False
        #: Which server noticed that its connection broke.
        self.kept_by: Process | None = None
        #: Whether one server alone has its session, or what it has not seen: that was
        #: so when another server was told for the first time. It may be lost.
        self.at_risk = False
        self.may_fail = False

    def is_for(self, rooms: list[str], except_: list[str]) -> bool:
        mine = {*self.rooms, self.name}
        return (not rooms or bool(mine & {*rooms})) and not mine & {*except_}

    def read(self, count: int | None = None) -> None:
        """See so many of the events that have been sent to it; None: all."""
        assert self.connection is not None
        received = self.connection.socket.received
        for event in received[:count]:
            *_, sender, number, offset = event
            self.seen.setdefault(sender, []).append(number)
            self.offset = offset
        del received[:count]
        if not received:
            self.at_risk = False

    def notice(self) -> None:
        """Its server notices that the connection has broken."""
        connection, self.connection = self.connection, None
        assert connection is not None
        self.kept_by = process = connection.process
        del process.live[self.name]
        process.adapter.persist_session(connection.session_now())
        connection.socket.vanish()
        process.adapter.forget_session(self.name)


class Several(RuleBasedStateMachine):
    """Servers, and clients that move between them."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = FakeClock()
        self.network = Network()
        self.processes: list[Process] = []
        self.clients: list[Client] = []
        #: How many servers, and clients, there have been.
        self.made = self.admitted = 0
        #: Whether some tell what they have to a server that has ended, unknown to them.
        self.vague = False
        #: All events, by sender: whom they were for.
        self.events: dict[str, list[tuple[list[str], list[str]]]] = {}

    @initialize(count=st.integers(2, 3))
    def begin(self, count: int) -> None:
        for _ in range(count):
            self.add_process()

    def teardown(self) -> None:
        try:
            self.come_to_rest()
        finally:
            for process in self.processes:
                process.end()
            gevent.idle()

    def come_to_rest(self) -> None:
        """Let everything arrive and everybody come back; then look at everything."""
        self.network.carry_all()
        while self.coming or self.present(away=True):
            for client in self.clients[:]:
                self.arrive(client)
            for client in self.present(away=True):
                self.come_back(client, self.processes[0])
            self.network.carry_all()
        for client in self.clients:
            client.read()
            for sender, events in self.events.items():
                wanted = [
                    number
                    for number, (rooms, except_) in enumerate(events)
                    if client.is_for(rooms, except_)
                ]
                seen = client.seen.get(sender, [])
                first = min([client.first.get(sender, 0), *seen])
                assert seen == [number for number in wanted if number >= first], sender

    def arrive(self, client: Client) -> None:
        """A client that was looked for must have been found."""
        if client.coming is not None:
            assert client.coming.ready(), "the search has not ended"
            client.coming.get()
            client.coming = None
        assert not client.failed or client.may_fail, f"{client.name} was not recovered"
        if client.failed:
            self.clients.remove(client)

    # ---- what happens

    def add_process(self) -> None:
        self.network.carry_all()
        process = Process(self.network, self.clock, f"s{self.made}")
        self.made += 1
        self.processes.append(process)
        self.events[process.label] = []
        self.network.carry_all()
        self.change_mirrors()
        self.vague = False

    def change_mirrors(self) -> None:
        """From now on servers may tell others of their sessions."""
        for client in self.clients:
            if client.connection is None or client.connection.socket.received:
                client.at_risk = True

    @precondition(lambda self: len(self.processes) < 4)
    @rule()
    def begin_process(self) -> None:
        self.add_process()

    @precondition(lambda self: self.processes and len(self.clients) < 3)
    @rule(data=st.data(), rooms=st.lists(st.sampled_from(ROOMS), unique=True))
    def connect(self, data: st.DataObject, rooms: list[str]) -> None:
        process = self.draw(data, self.processes)
        client = Client(f"c{self.admitted}", rooms)
        self.admitted += 1
        for sender, events in self.events.items():
            client.first[sender] = len(events)
        since = process.adapter.newest_offset()
        session = Session(
            sid=client.name,
            pid=client.name,
            rooms=(client.name, *rooms),
            data=None,
            since=since,
        )
        process.enter(client, session)
        gevent.idle()
        client.away = False
        self.clients.append(client)

    @precondition(lambda self: self.processes)
    @rule(
        data=st.data(),
        rooms=st.lists(st.sampled_from([*ROOMS, "c0", "c1"]), max_size=2, unique=True),
        except_=st.lists(st.sampled_from(ROOMS), max_size=1),
        count=st.integers(1, 3),
    )
    def send(
        self, data: st.DataObject, rooms: list[str], except_: list[str], count: int
    ) -> None:
        process = self.draw(data, self.processes)
        options = BroadcastOptions(rooms=tuple(rooms), except_=frozenset(except_))
        for _ in range(count):
            events = self.events[process.label]
            event = ["e", process.label, len(events)]
            events.append((rooms, except_))
            packet = Packet(PacketType.EVENT, "/chat", event)
            process.adapter.broadcast(packet, options)
        gevent.idle()

    @precondition(lambda self: self.network.busy)
    @rule(data=st.data(), count=st.integers(1, 5))
    def carry(self, data: st.DataObject, count: int) -> None:
        way = self.draw_way(data)
        for _ in range(count):
            if self.network.ways[way]:
                self.network.carry(way)

    def draw(self, data: st.DataObject, choices: list[Any]) -> Any:
        return choices[data.draw(st.integers(0, len(choices) - 1))]

    def draw_way(self, data: st.DataObject) -> tuple[str, str]:
        busy = self.network.busy
        return busy[data.draw(st.integers(0, len(busy) - 1), label="way")]

    def present(self, away: bool) -> list[Client]:
        return [c for c in self.clients if c.away is away and c.coming is None]

    @precondition(lambda self: self.present(away=False))
    @rule(data=st.data(), seen=st.integers(0, 4), noticed=st.booleans())
    def break_off(self, data: st.DataObject, seen: int, noticed: bool) -> None:
        client = self.draw(data, self.present(away=False))
        client.read(seen)
        client.away = True
        if noticed:
            client.notice()

    @precondition(lambda self: self.present(away=True))
    @rule(data=st.data())
    def return_to(self, data: st.DataObject) -> None:
        client = self.draw(data, self.present(away=True))
        process = self.draw(data, self.processes)
        self.come_back(client, process)

    def come_back(self, client: Client, process: Process) -> None:
        def look() -> None:
            process.let_go(client.name)
            session = process.adapter.restore_session(client.name, client.offset)
            if session is None:
                client.failed = True
            else:
                missed = session.missed_packets
                process.enter(client, session)
                client.away = client.may_fail = False
                client.at_risk = client.kept_by is process and bool(missed)

        client.coming = gevent.spawn(look)
        gevent.idle()

    @invariant()
    def who_has_come_is_there(self) -> None:
        for client in self.clients[:]:
            if client.coming is not None and client.coming.ready():
                self.arrive(client)

    @precondition(lambda self: self.may_end)
    @rule(data=st.data())
    def end_process(self, data: st.DataObject) -> None:
        """End a server in an orderly way."""
        process = self.draw(data, self.processes)
        others = [each for each in self.processes if each is not process]
        giving = self.begin_to_end(process, [self.draw(data, others)])
        while not giving.ready():
            self.network.carry(self.draw_way(data))
        self.end(process, giving)

    @precondition(lambda self: self.may_end and len(self.processes) > 2)
    @rule(data=st.data(), carried=st.integers(0, 12))
    def end_two(self, data: st.DataObject, carried: int) -> None:
        """End a server, and meanwhile the one to which it gives everything."""
        left = self.processes[:]
        process, heir, other = (
            left.pop(data.draw(st.integers(0, len(left) - 1))) for _ in range(3)
        )
        ending = {process: self.begin_to_end(process, [heir, other])}
        for _ in range(carried):
            if self.network.busy:
                self.network.carry(self.draw_way(data))
        ending[heir] = self.begin_to_end(heir, [other])
        while ending:
            ready = [each for each, giving in ending.items() if giving.ready()]
            for each in ready:
                self.end(each, ending.pop(each))
            if not ready:
                self.network.carry(self.draw_way(data))

    def begin_to_end(self, process: Process, stay: list[Process]) -> gevent.Greenlet:
        for client in list(process.live.values()):
            client.away = True
            client.notice()
        process.bus.ends = True
        process.bus.stay = [each.bus for each in stay]
        giving = gevent.spawn(process.adapter.hand_on, 5.0)
        gevent.idle()
        return giving

    def end(self, process: Process, giving: gevent.Greenlet) -> None:
        giving.get()
        self.change_mirrors()
        self.processes.remove(process)
        self.network.remove(process.bus.uid)
        process.end()
        gevent.idle()
        self.vague = True

    @precondition(lambda self: self.may_end)
    @rule(data=st.data())
    def kill_process(self, data: st.DataObject) -> None:
        """Kill a server, when the others have got what is on its way."""
        process = self.draw(data, self.processes)
        gevent.idle()
        while self.network.busy:
            self.network.carry(self.draw_way(data))
        for client in self.clients:
            client.may_fail = client.may_fail or client.at_risk or self.vague
        for client in list(process.live.values()):
            client.away = True
            client.connection = None
        self.change_mirrors()
        self.processes.remove(process)
        self.network.remove(process.bus.uid)
        # Nothing of what its adapter does now reaches anybody.
        process.end()
        gevent.idle()
        self.network.carry_all()

    @property
    def may_end(self) -> bool:
        """Whether there are others, and nobody has come back to one that may end."""
        return len(self.processes) > 1 and not self.coming

    @property
    def coming(self) -> list[Client]:
        return [client for client in self.clients if client.coming is not None]


Several.TestCase.settings = settings(
    max_examples=max(60, settings().max_examples // 2),
    stateful_step_count=40,
    deadline=None,
)
TestSeveral = Several.TestCase
