from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from sockio.adapters import Lease, LocalNamespace, Message, MessageType, SiblingsBus
from sockio.adapters.cluster.messages import encode
from sockio.errors import ConfigError, EncodeError
from sockio.runtime.reactor import Reactor
from sockio.siblings.link import Link
from sockio.siblings.member import SILENT
from sockio.siblings.mesh import KIND
from sockio.siblings.packets import HERE, LARGEST, join, pack
from sockio.siblings.place import Folder
from sockio.siblings.siblings import Siblings
from sockio.testing import FakeClock

CLOSE = MessageType.ADAPTER_CLOSE


class Namespace:
    """All that a bus has to know of one."""

    def __init__(self, name: str) -> None:
        self.name = name


def namespace(name: str) -> LocalNamespace:
    return Namespace(name)  # type: ignore[return-value]


class Process:
    """A process with a bus, and what it hears."""

    def __init__(self, folder: Path, reactor: Reactor, name: str) -> None:
        self.name = name
        self.bus = SiblingsBus(Folder(folder))
        self.heard: list[Message] = []
        self.bus.open(reactor, lambda message, offset: self.heard.append(message))

    def join(self, *names: str) -> None:
        for name in names:
            self.bus.join(namespace(name), f"{self.name}{name}", ())

    def publish(self, name: str, *data: Any) -> list[int]:
        """Send a message; return how many it reached, once that is known."""
        reached: list[int] = []
        message = Message(
            f"{self.name}{name}", name, MessageType.BROADCAST, {"packet": list(data)}
        )
        self.bus.publish(message, reached.append)
        return reached

    def count(self, name: str) -> list[int]:
        told: list[int] = []
        self.bus.count(namespace(name), told.append)
        return told

    @property
    def kinds(self) -> list[tuple[str, MessageType]]:
        return [(message.uid, message.type) for message in self.heard]


class Stranger:
    """A process that says what a test wants."""

    def __init__(self, folder: Path, reactor: Reactor, *greeting: bytes) -> None:
        self._greeting = greeting
        self.siblings = Siblings(Folder(folder), reactor)
        self.siblings.welcome(KIND, self._welcome)
        self.siblings.open()
        self._clock = reactor.clock
        #: Whether it answers.
        self.answers = True
        self.links: list[Link] = []

    def _welcome(self, link: Link, tag: str) -> None:
        """Answer whatever is said, and call back."""

        def on_packet(data: bytes, descriptors: Sequence[int]) -> None:
            if self.answers:
                link.send(HERE)

        link.on_packet = on_packet
        link.on_end = lambda why: None
        self.links.append(link)
        back = self.siblings.connect(
            tag,
            KIND,
            most=1 << 20,
            on_packet=lambda data, descriptors: None,
            on_end=lambda why: None,
        )
        self.links.append(back)
        for message in self._greeting:
            self.say(message)

    def say(self, message: bytes) -> None:
        packed = pack(message)
        assert isinstance(packed, bytes)
        self.links[-1].send(join([packed], asks=False))


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def reactor(clock: FakeClock) -> Reactor:
    reactor = Reactor(clock)
    reactor.start()
    return reactor


@pytest.fixture
def processes(
    tmp_path: Path, reactor: Reactor, clock: FakeClock
) -> Iterator[list[Process]]:
    """Give three processes that know each other."""
    processes = [Process(tmp_path, reactor, name) for name in "abc"]
    for process in processes:
        process.join("/")
    clock.settle()
    yield processes
    for process in processes:
        process.bus.close()
    clock.settle()
    assert clock.armed == 0


def adapters(*pairs: Any) -> bytes:
    return encode(Message("", "", MessageType.HEARTBEAT, {"adapters": list(pairs)}))


# ------------------------------------------------------------------ being heard


def test_who_is_alone_is_connected_at_once(tmp_path: Path, reactor: Reactor) -> None:
    process = Process(tmp_path, reactor, "a")

    assert process.bus.account.connected
    process.bus.close()
    assert not process.bus.account.connected


def test_a_newcomer_is_connected_when_all_others_have_called_back(
    tmp_path: Path, reactor: Reactor, clock: FakeClock
) -> None:
    others = [Stranger(tmp_path, reactor) for _ in range(2)]
    process = Process(tmp_path, reactor, "a")
    clock.settle()

    others[0].say(adapters())
    clock.settle()
    assert not process.bus.account.connected
    others[1].say(adapters(["/", "b/"]))
    clock.settle()

    assert process.bus.account.connected
    for other in others:
        other.siblings.close()
    process.bus.close()
    clock.settle()
    assert clock.armed == 0


def test_a_newcomer_does_not_wait_for_who_leaves(
    tmp_path: Path, reactor: Reactor, clock: FakeClock
) -> None:
    stranger = Stranger(tmp_path, reactor)
    process = Process(tmp_path, reactor, "a")
    clock.settle()
    assert not process.bus.account.connected

    stranger.siblings.close()
    clock.settle()

    assert process.bus.account.connected
    process.bus.close()


@pytest.mark.parametrize("answers", [True, False])
def test_a_newcomer_does_not_wait_long(
    tmp_path: Path, reactor: Reactor, clock: FakeClock, answers: bool
) -> None:
    stranger = Stranger(tmp_path, reactor)
    stranger.answers = answers
    process = Process(tmp_path, reactor, "a")
    clock.settle()

    clock.advance(SILENT - 0.1)
    assert not process.bus.account.connected
    clock.advance(0.1)

    assert process.bus.account.connected
    stranger.siblings.close()
    process.bus.close()


# ------------------------------------------------------------------ who is reached


def test_only_those_who_have_a_namespace_are_reached(
    processes: list[Process], clock: FakeClock
) -> None:
    a, b, c = processes
    for process in (a, b):
        process.join("/chat")
    clock.settle()

    assert a.publish("/chat", 1) == [1]
    assert a.publish("/", 2) == [2]
    assert c.count("/chat") == [2]
    assert c.count("/nobody") == [0]
    clock.settle()

    assert [message.nsp for message in b.heard] == ["/chat", "/"]
    assert [message.nsp for message in c.heard] == ["/"]


def test_who_has_left_a_namespace_is_not_reached(
    processes: list[Process], clock: FakeClock
) -> None:
    a, b, _ = processes
    b.bus.leave(namespace("/"), "b/")
    b.bus.leave(namespace("/"), "b/")
    clock.settle()

    assert a.kinds == [("b/", CLOSE)]
    assert a.publish("/", 1) == [1]
    assert a.count("/") == [1]
    clock.settle()
    assert b.heard == []


def test_an_answer_goes_to_who_has_asked_alone(
    processes: list[Process], clock: FakeClock
) -> None:
    a, b, c = processes
    answer = Message("b/", "/", MessageType.BROADCAST_ACK, {"requestId": "1"})

    b.bus.reply("a/", answer)
    b.bus.reply("unknown", answer)
    clock.settle()

    assert a.heard == [answer]
    assert c.heard == []


def test_how_many_are_reached_is_told_when_it_is_known(
    tmp_path: Path, reactor: Reactor, clock: FakeClock
) -> None:
    first = Process(tmp_path, reactor, "a")
    second = Process(tmp_path, reactor, "b")
    first.join("/")
    second.join("/")

    reached, counted, nobody = (
        second.publish("/", 1),
        second.count("/"),
        second.count("/nobody"),
    )
    assert (reached, counted, nobody) == ([], [], [])
    clock.settle()

    assert (reached, counted, nobody) == ([1], [1], [0])
    assert [message.data for message in first.heard] == [{"packet": [1]}]
    for process in (first, second):
        process.bus.close()


def test_who_hangs_from_the_beginning_is_waited_for_once(
    tmp_path: Path, reactor: Reactor, clock: FakeClock
) -> None:
    hanging = Folder(tmp_path).bind("hang")
    process = Process(tmp_path, reactor, "a")
    process.join("/")

    reached = process.publish("/", 1)
    clock.advance(SILENT - 0.1)
    assert reached == []
    clock.advance(0.1)

    assert reached == [0]
    assert process.count("/") == [0]
    hanging.close()
    process.bus.close()


def test_who_answers_but_does_not_greet_is_not_waited_for_long(
    tmp_path: Path, reactor: Reactor, clock: FakeClock
) -> None:
    stranger = Stranger(tmp_path, reactor)
    process = Process(tmp_path, reactor, "a")
    process.join("/")
    clock.settle()

    reached = process.publish("/", 1)
    clock.advance(SILENT)

    assert reached == [0]
    process.bus.close()
    assert process.bus.bytes_waiting == 0
    stranger.siblings.close()
    clock.settle()


def test_all_is_told_at_the_end(tmp_path: Path, reactor: Reactor) -> None:
    hanging = Folder(tmp_path).bind("hang")
    process = Process(tmp_path, reactor, "a")
    process.join("/")
    reached = process.publish("/", 1)

    process.bus.close()

    assert reached == [0]
    hanging.close()


# ------------------------------------------------------------------ who is gone


def test_who_ends_is_waited_for_no_longer(
    processes: list[Process], clock: FakeClock
) -> None:
    a, b, c = processes
    for process in processes:
        process.join("/chat")
    clock.settle()

    c.bus.close()
    clock.settle()

    for process in (a, b):
        assert process.kinds == [("c/", CLOSE), ("c/chat", CLOSE)]
        assert process.count("/chat") == [1]
    assert (a.bus.lost, a.bus.gaps) == (0, 0)


def test_who_has_said_that_it_leaves_is_asked_nothing(
    tmp_path: Path, reactor: Reactor, clock: FakeClock
) -> None:
    asked: list[object] = []

    def hear(message: Message, offset: str | None) -> None:
        if message.type is CLOSE:
            asked.append(bus.log.others("/"))
            bus.reply("b/", Message("a/", "/", MessageType.SESSION_WANTED, {}))

    bus = SiblingsBus(Folder(tmp_path))
    bus.open(reactor, hear)
    bus.join(namespace("/"), "a/", ())
    other = Process(tmp_path, reactor, "b")
    other.join("/")
    clock.settle()
    assert bus.log.others("/") == bus.log.heirs("/") == ["b/"]

    other.bus.leave(namespace("/"), "b/")
    clock.settle()

    assert asked == [[]]
    assert other.heard == []
    for each in (bus, other.bus):
        each.close()
    clock.settle()


def test_who_takes_newcomers_is_expected_until_it_has_greeted(
    tmp_path: Path, reactor: Reactor, clock: FakeClock
) -> None:
    process = Process(tmp_path, reactor, "a")
    process.join("/")
    assert not process.bus.log.expects_heir()

    other = Process(tmp_path, reactor, "b")
    assert process.bus.log.expects_heir()
    other.join("/")
    clock.settle()

    assert not process.bus.log.expects_heir()
    assert process.bus.log.heirs("/") == ["b/"]
    for each in (process, other):
        each.bus.close()
    clock.settle()


def test_who_asks_while_somebody_leaves_is_told_of_it(
    tmp_path: Path, reactor: Reactor, clock: FakeClock
) -> None:
    # Else a question that did not count it would take its end for an answer.
    process = Process(tmp_path, reactor, "a")
    other = Process(tmp_path, reactor, "b")
    process.join("/")
    other.join("/")
    clock.settle()
    assert process.bus._mesh is not None
    (member,) = process.bus._mesh

    member.end("it has gone")
    counts = [process.publish("/", 1), process.count("/")]
    reactor.to_hub(lambda: counts.append(process.count("/")))
    other.bus.close()
    clock.settle()

    assert process.kinds == [("b/", CLOSE)]
    assert counts == [[1], [1], [0]]
    process.bus.close()


def test_who_is_silent_is_not_counted_but_hears(
    tmp_path: Path, reactor: Reactor, clock: FakeClock
) -> None:
    stranger = Stranger(tmp_path, reactor, adapters(["/", "s/"]))
    process = Process(tmp_path, reactor, "a")
    process.join("/")
    clock.settle()
    assert process.count("/") == [1]
    clock.advance(10)

    stranger.answers = False
    assert process.publish("/", 1) == [1]
    clock.advance(SILENT)

    assert process.kinds == [("s/", CLOSE)]
    assert process.publish("/", 2) == [0]
    stranger.links[0].send(HERE)
    clock.settle()
    assert process.publish("/", 3) == [1]
    assert process.bus.lost == process.bus.gaps == 0
    process.bus.close()
    stranger.siblings.close()
    clock.settle()


def test_what_is_missed_is_counted(
    processes: list[Process], reactor: Reactor, clock: FakeClock
) -> None:
    # One of them changes its bus.
    a, b, _ = processes
    siblings = Siblings(a.bus._meet, reactor)  # type: ignore[arg-type]
    siblings.open()
    bus = SiblingsBus(siblings)
    bus.open(reactor, lambda message, offset: None)
    bus.join(namespace("/"), "d/", ())
    clock.settle()
    assert a.count("/") == [3]
    bus._own.clear()  # it does not say goodbye
    bus.close()
    clock.settle()
    assert a.count("/") == [2]

    for number in range(3):
        a.publish("/", number)
    heard: list[Message] = []
    again = SiblingsBus(siblings)
    again.open(reactor, lambda message, offset: heard.append(message))
    again.join(namespace("/"), "e/", ())
    clock.settle()
    a.publish("/", 3)
    clock.settle()

    assert [message.data for message in heard] == [{"packet": [3]}]
    assert (a.bus.lost, a.bus.gaps) == (3, 1)
    assert (b.bus.lost, b.bus.gaps) == (0, 1)
    again.close()
    # Whoever made the siblings closes them.
    assert siblings.tag in a.bus._meet.tags()  # type: ignore[union-attr]
    siblings.close()
    clock.settle()


# ------------------------------------------------------------------ what is refused


def test_a_message_that_is_too_long_is_an_error_of_the_caller(
    processes: list[Process], clock: FakeClock
) -> None:
    a, b, _ = processes

    with pytest.raises(EncodeError, match="siblings take at most"):
        a.publish("/", bytes(LARGEST + 1))
    a.publish("/", 1)
    clock.settle()

    assert [message.data for message in b.heard] == [{"packet": [1]}]


@pytest.mark.parametrize(
    "message",
    [
        b"garbage",
        encode(Message("s/", "/", MessageType.HEARTBEAT, {})),
        encode(Message("s/", "/", MessageType.HEARTBEAT, {"adapters": {}})),
        adapters(["/"]),
        adapters(7),
    ],
)
def test_what_cannot_be_read_is_dropped(
    processes: list[Process],
    tmp_path: Path,
    reactor: Reactor,
    clock: FakeClock,
    message: bytes,
) -> None:
    a = processes[0]
    stranger = Stranger(tmp_path, reactor, adapters(["/", "s/"]))
    joined = Process(tmp_path, reactor, "d")
    joined.join("/")
    clock.settle()

    stranger.say(message)
    stranger.say(encode(Message("s/", "/", MessageType.BROADCAST, {"packet": []})))
    clock.settle()

    assert joined.bus.dropped == 1
    assert joined.kinds[-1] == ("s/", MessageType.BROADCAST)
    assert a.bus.dropped == 0
    joined.bus.close()
    stranger.siblings.close()
    clock.settle()


def test_a_place_that_cannot_be_used_is_an_error(reactor: Reactor) -> None:
    bus = SiblingsBus(Folder("/proc"))

    with pytest.raises(ConfigError, match="no socket can be made"):
        bus.open(reactor, lambda message, offset: None)


def test_who_starts_is_counted_if_it_gets_the_question(
    processes: list[Process], tmp_path: Path, reactor: Reactor, clock: FakeClock
) -> None:
    # It greets before it has joined a namespace.
    stranger = Stranger(tmp_path, reactor, adapters())
    stranger.answers = False
    joined = Process(tmp_path, reactor, "d")
    joined.join("/")
    clock.settle()

    reached = joined.publish("/", 1)
    stranger.say(encode(Message("s/", "/", MessageType.INITIAL_HEARTBEAT)))
    clock.settle()
    assert reached == []
    stranger.answers = True
    stranger.links[0].send(HERE)
    clock.settle()

    assert reached == [len(processes) + 1]
    assert joined.publish("/", 2) == [len(processes) + 1]
    assert joined.publish("/other", 3) == [0]
    joined.bus.close()
    stranger.siblings.close()
    clock.settle()


# ---------------------------------------------------------------- leases


def holders(leases: Sequence[Lease]) -> list[int]:
    return [number for number, lease in enumerate(leases) if lease.held]


def test_one_process_holds_a_lease(processes: list[Process], clock: FakeClock) -> None:
    leases = [process.bus.lease("a job") for process in processes]
    clock.settle()

    (first,) = holders(leases)
    processes[first].bus.close()
    clock.settle()

    (second,) = holders(leases)
    assert second != first


def test_a_lease_that_is_given_up_is_anothers(
    processes: list[Process], clock: FakeClock
) -> None:
    leases = [process.bus.lease("a job") for process in processes]
    clock.settle()

    (first,) = holders(leases)
    leases[first].close()
    clock.settle()

    (second,) = holders(leases)
    assert second != first


def test_only_those_compete_that_want_it(
    processes: list[Process], clock: FakeClock
) -> None:
    for process in processes:
        lease = process.bus.lease(process.name)
        clock.settle()
        assert lease.held


def test_a_newcomer_is_told_of_leases(
    processes: list[Process], clock: FakeClock, tmp_path: Path, reactor: Reactor
) -> None:
    leases = [process.bus.lease("a job") for process in processes]
    newcomer = Process(tmp_path, reactor, "d")
    leases.append(newcomer.bus.lease("a job"))
    clock.settle()

    assert len(holders(leases)) == 1
    newcomer.bus.close()


@pytest.mark.parametrize("leases", [1, "a job", {"a": "job"}, None])
def test_leases_that_cannot_be_read_are_dropped(
    tmp_path: Path, reactor: Reactor, clock: FakeClock, leases: object
) -> None:
    said = {"adapters": [], "leases": leases}
    greeting = encode(Message("", "", MessageType.HEARTBEAT, said))
    stranger = Stranger(tmp_path, reactor, greeting)
    process = Process(tmp_path, reactor, "a")
    clock.settle()

    assert process.bus.dropped == 1
    assert process.bus.lease("a job").held
    process.bus.close()
    stranger.siblings.close()
