"""SiblingsBus: the processes of one host as a cluster, over Unix sockets.

io = sockio.Server(adapter="unix:/run/shop")
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator
from typing import TYPE_CHECKING, Any

from sockio.adapters.accounting import Account
from sockio.adapters.cluster.bus import OwnLogs
from sockio.adapters.cluster.messages import (
    Message,
    MessageType,
    decode_trusted,
    encode,
    with_trail,
)
from sockio.errors import ProtocolError
from sockio.runtime import logs
from sockio.siblings.member import SILENT, Member
from sockio.siblings.mesh import Mesh
from sockio.siblings.packets import pack
from sockio.siblings.siblings import Siblings

from .arrival import Arrival
from .rivals import Rivals

if TYPE_CHECKING:
    from sockio.adapters.adapter import LocalNamespace
    from sockio.adapters.cluster.bus import Receive
    from sockio.runtime.clock import Timer
    from sockio.runtime.reactor import Reactor
    from sockio.siblings.place import Place
    from sockio.types import Room

log = logs.get("adapters.siblings")

__all__ = ["SiblingsBus"]


class SiblingsBus:
    """The way from one process to all others that meet in the same place."""

    def __init__(self, meet: Place | Siblings) -> None:
        """Make a bus that joins the others when its server starts.

        Args:
            meet: Where the processes meet; or the siblings that this process has
                already, which whoever made them closes.
        """
        self._meet = meet
        self._reactor: Reactor | None = None
        self._receive: Receive | None = None
        #: Those that we made.
        self._siblings: Siblings | None = None
        self._mesh: Mesh | None = None
        #: Ids of our own adapters, by namespace.
        self._own: dict[str, str] = {}
        #: Ids of the adapters of each member, by namespace, also of one that has left
        #: and may come back. Who has not greeted is not in it.
        self._adapters: dict[Member, dict[str, str]] = {}
        #: Those whose leaving is to be told.
        self._present: set[Member] = set()
        #: Those that are counted. Whoever leaves is counted until all adapters know
        #: that it left: who asks before that, expects one answer more, and is told.
        self._counted: set[Member] = set()
        #: The member of each adapter.
        self._homes: dict[str, Member] = {}
        #: Waits until this process hears those that were there before.
        self._arrival = Arrival(self._arrived)
        #: Open questions for how many are reached.
        self._tallies: list[_Tally] = []
        #: Who holds what only one process may hold.
        self._rivals = Rivals(self)
        self.lease = self._rivals.lease
        #: Messages that could not be read.
        self.dropped = 0
        self._account = Account()

    @property
    def siblings(self) -> Siblings | None:
        """The siblings that this bus has made; None: it has made none."""
        return self._siblings

    @property
    def tag(self) -> str:
        """The tag of this process; empty before the start."""
        met = self._met
        return "" if met is None else met.tag

    @property
    def _met(self) -> Siblings | None:
        return self._meet if isinstance(self._meet, Siblings) else self._siblings

    # ---- what is known of losses

    @property
    def lost(self) -> int:
        """Messages of this server that a process missed which was away and came back.

        They are counted for each such process when it is back.
        """
        return 0 if self._mesh is None else self._mesh.lost

    @property
    def gaps(self) -> int:
        """How often a process was away and came back."""
        return 0 if self._mesh is None else self._mesh.returned

    @property
    def account(self) -> Account:
        """What is counted; see ``Bus``."""
        account = self._account
        account.lost, account.gaps = self.lost, self.gaps
        account.bytes_waiting = self.bytes_waiting
        account.unreadable = self.dropped
        return account

    @property
    def bytes_waiting(self) -> int:
        """Bytes that other processes have not taken yet."""
        return sum(member.waiting for member in self._mesh or ())

    # ---- what a bus must have

    @property
    def log(self) -> OwnLogs:
        """Each process keeps what its clients get, and the others ask it."""
        return OwnLogs(self._heirs, self._others, self._expects_heir)

    def _heirs(self, nsp: str) -> list[str]:
        """Return the adapters of processes that take newcomers, and do not hang."""
        met = self._met
        stay = [] if met is None else met.welcoming
        return [uid for tag, uid in self._answering(nsp) if tag in stay]

    def _expects_heir(self) -> bool:
        met, known = self._met, {member.tag for member in self._adapters}
        return met is not None and not known.issuperset(met.welcoming)

    def _others(self, nsp: str) -> list[str]:
        """Return the adapters of all processes that do not hang."""
        return [uid for _, uid in self._answering(nsp)]

    def _answering(self, nsp: str) -> Iterator[tuple[str, str]]:
        for member, theirs in self._adapters.items():
            if theirs.get(nsp) in self._homes and member.state in ("called", "here"):
                yield member.tag, theirs[nsp]

    def open(self, reactor: Reactor, receive: Receive) -> None:
        """Join the others.

        Raises:
            ConfigError: The place cannot be used.
            OSError: There are no names, or no descriptors.
        """
        self._reactor = reactor
        self._receive = receive
        if isinstance(self._meet, Siblings):
            siblings = self._meet
        else:
            siblings = self._siblings = Siblings(self._meet, reactor)
            siblings.open()
        self._mesh = Mesh(siblings, reactor, self)
        self._mesh.open()
        self._arrival.begin(reactor, self._mesh)

    def _arrived(self) -> None:
        self._account.connected = True

    def join(self, nsp: LocalNamespace, uid: str, rooms: Container[Room]) -> None:
        """Take part in a namespace, and tell the others."""
        self._own[nsp.name] = uid
        self._tell_all(encode(Message(uid, nsp.name, MessageType.INITIAL_HEARTBEAT)))

    def leave(self, nsp: LocalNamespace, uid: str) -> None:
        """Take part in the namespace no longer."""
        if self._own.get(nsp.name) == uid:
            self.publish(Message(uid, nsp.name, MessageType.ADAPTER_CLOSE))

    def publish(
        self, message: Message, reached: Callable[[int], None] | None = None
    ) -> None:
        """Send a message to all who have its namespace; see ``Bus``."""
        if message.type is MessageType.SERVER_SIDE_EMIT and self._reactor is not None:
            trail = self._reactor.around.trail
            if trail is not None:
                message = with_trail(message, trail.words())
        packed = pack(encode(message))
        nsp = message.nsp
        adapters = self._adapters
        for member in list(self._mesh or ()):
            theirs = adapters.get(member)
            if theirs is None or nsp in theirs:
                member.put(packed)
        if message.type is MessageType.ADAPTER_CLOSE:
            self._own.pop(nsp, None)
        if reached is not None:
            self._count(nsp, reached)

    def reply(self, uid: str, message: Message) -> None:
        """Send a message to the adapter ``uid``, if it is still there."""
        packed = pack(encode(message))
        home = self._homes.get(uid)
        if home is not None:
            home.put(packed)

    def count(self, nsp: LocalNamespace, told: Callable[[int], None]) -> None:
        """Call ``told`` once with the number of the others that have the namespace."""
        self._count(nsp.name, told)

    def close(self) -> None:
        """End; what the kernel takes immediately is still said."""
        self._arrival.close()
        for tally in self._tallies:
            tally.end()
        self._tallies.clear()
        self._rivals.close()
        if self._mesh is not None:
            self._mesh.close()
        if self._siblings is not None:
            self._siblings.close()
        self._receive = None
        self._account.connected = False

    # ---- counting

    def tell_state(self) -> None:
        """Say to all what a greeting says."""
        self._tell_all(self.greeting())

    def _tell_all(self, message: bytes) -> None:
        """Say something to all, whatever namespaces they have."""
        packed = pack(message)
        for member in list(self._mesh or ()):
            member.put(packed)

    def _count(self, nsp: str, told: Callable[[int], None]) -> None:
        assert self._reactor is not None
        tally = _Tally(nsp, told)
        tally.number = sum(self._has(member, nsp) for member in self._counted)
        tally.expected.update(
            member for member in self._mesh or () if self._is_expected(member, nsp)
        )
        if tally.expected:
            tally.timer = self._reactor.delays.call_later(SILENT, tally.end)
            self._tallies.append(tally)
        else:
            told(tally.number)

    def _is_expected(self, member: Member, nsp: str) -> bool:
        """Whether a member gets what is published now, and is counted soon."""
        if member.leaves or member in self._counted:
            return False
        theirs = self._adapters.get(member)
        return member.state in ("called", "here") and (theirs is None or nsp in theirs)

    def _has(self, member: Member, nsp: str) -> bool:
        return member in self._counted and nsp in self._adapters.get(member, ())

    def _recount(self, member: Member) -> None:
        """Count a member, or not any more."""
        if member.state == "here" and member in self._adapters:
            self._present.add(member)
            self._counted.add(member)
        else:
            self._counted.discard(member)
        self._settle(member)

    def _settle(self, member: Member) -> None:
        """It may be known by now whether a member has been reached."""
        for tally in self._tallies:
            if member in tally.expected and not self._is_expected(member, tally.nsp):
                tally.expected.remove(member)
                tally.number += self._has(member, tally.nsp)
                if not tally.expected:
                    tally.end()
        self._tallies = [tally for tally in self._tallies if tally.expected]

    # ---- what the mesh tells

    def greeting(self) -> bytes:
        """Return the namespaces that we have, and what we compete for."""
        adapters = [[nsp, uid] for nsp, uid in self._own.items()]
        state = {"adapters": adapters, "leases": self._rivals.names}
        return encode(Message("", "", MessageType.HEARTBEAT, state))

    def heard(self, member: Member, message: bytes) -> None:
        """Take a message of a member."""
        try:
            said = decode_trusted(message)
            if said.type is MessageType.BROADCAST:
                pass
            elif said.type is MessageType.HEARTBEAT:
                self._greeted(member, said)
                return
            elif said.type is MessageType.INITIAL_HEARTBEAT:
                self._add(member, said.nsp, said.uid)
                self._recount(member)
                return
        except ProtocolError as exc:
            self.dropped += 1
            log.debug("a message of %s is dropped: %s", member.tag, exc.reason)
            return
        if said.type is MessageType.ADAPTER_CLOSE:
            self._homes.pop(said.uid, None)  # it answers no questions
        if self._receive is not None:
            self._receive(said, None)
        if said.type is MessageType.ADAPTER_CLOSE:
            self._in_order(self._remove, member, said.nsp, said.uid)

    def changed(self, member: Member) -> None:
        """A member answers, or does so no longer: then nobody waits for it."""
        if member.state == "here":
            self._recount(member)
            if self._reactor is not None:
                self.account.announce(self._reactor)
        else:
            self._end_waiting(member)

    def left(self, member: Member) -> None:
        """A member has left: nobody waits for it."""
        self._end_waiting(member)

    def gone(self, member: Member) -> None:
        """Forget a member."""
        self._arrival.settle(member)
        self._in_order(self._forget, member)

    def _forget(self, member: Member) -> None:
        self._rivals.forget(member)
        for uid in self._adapters.pop(member, {}).values():
            self._homes.pop(uid, None)

    def _greeted(self, member: Member, said: Message) -> None:
        self._arrival.settle(member)
        self._rivals.greeted(member, said.data.get("leases", ()))
        if member not in self._adapters and said.data.get("adapters") == []:
            # It has just started, and says next what it has.
            return
        for uid in self._adapters.get(member, {}).values():
            self._homes.pop(uid, None)
        self._adapters[member] = {}
        match said.data.get("adapters"):
            case list(adapters):
                for adapter in adapters:
                    match adapter:
                        case [str(nsp), str(uid)]:
                            self._add(member, nsp, uid)
                        case _:
                            raise ProtocolError("an adapter cannot be read")
            case _:
                raise ProtocolError("a greeting has no adapters")
        self._recount(member)

    def _add(self, member: Member, nsp: str, uid: str) -> None:
        self._adapters.setdefault(member, {})[nsp] = uid
        self._homes[uid] = member

    def _remove(self, member: Member, nsp: str, uid: str) -> None:
        theirs = self._adapters.get(member, {})
        if theirs.get(nsp) == uid:
            del theirs[nsp]

    def _end_waiting(self, member: Member) -> None:
        """Have all adapters wait no longer for the answers of a member."""
        self._arrival.settle(member)
        if self._receive is not None and member in self._present:
            for nsp, uid in self._adapters[member].items():
                self._receive(Message(uid, nsp, MessageType.ADAPTER_CLOSE), None)
        self._present.discard(member)
        self._in_order(self._recount, member)

    def _in_order(self, fn: Callable[..., None], *args: Any) -> None:
        """Call ``fn`` when all adapters have what was received until now."""
        assert self._reactor is not None
        self._reactor.to_hub(fn, *args)


class _Tally:
    """A question for how many are reached, until that is known."""

    def __init__(self, nsp: str, told: Callable[[int], None]) -> None:
        self.nsp = nsp
        self._told: Callable[[int], None] | None = told
        #: Those that are known to be reached.
        self.number = 0
        #: Of whom it is not known.
        self.expected: set[Member] = set()
        self.timer: Timer | None = None

    def end(self) -> None:
        """Tell what is known."""
        if self.timer is not None:
            self.timer.cancel()
        told, self._told = self._told, None
        if told is not None:
            told(self.number)
