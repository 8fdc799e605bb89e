"""StreamsBus: streams of Redis or Valkey as the bus of a cluster, and as its log.

io = sockio.Server(adapter="redis+streams://localhost:6379")

Streams, channels and keys are those of @socket.io/redis-streams-adapter, so that
servers of Node are in the same cluster, and clients may come back to any of them. What
a server cannot hear during an outage, it reads afterwards.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from sockio.adapters.buses.outbox import Parcel
from sockio.adapters.buses.query import wrong
from sockio.adapters.cluster.messages import Message
from sockio.errors import ProtocolError
from sockio.runtime import logs

from .bus import OVERHEAD, RedisBus
from .member import Mode
from .options import Options
from .stream_log import StreamLog
from .stream_member import StreamMember
from .stream_reader import Stream, StreamLink, Streams
from .stream_wire import is_fleeting, order, read_entry, stream_of, streams, write_entry
from .url import parse

if TYPE_CHECKING:
    from sockio.adapters.adapter import LocalNamespace
    from sockio.adapters.cluster.bus import LocalRooms, Receive
    from sockio.runtime.reactor import Reactor

log = logs.get("adapters.redis")

__all__ = ["StreamsBus"]


class StreamsBus(RedisBus):
    """The way to all servers that use the same streams."""

    def __init__(self, url: str) -> None:
        site, options = parse(url, os.environ)
        if site.cluster:
            raise wrong(
                url.partition(":")[0].lower(),
                "mode=streams is for one broker, which sentinels may name",
            )
        self._name = options.stream_name or options.prefix
        self._streams = Streams(
            streams(self._name, options.stream_count),
            self._read,
            read_count=options.read_count,
            max_len=options.max_len,
        )
        link = partial(StreamLink, self._streams)
        super().__init__(url, Mode("PUBLISH", "NUMSUB", self._member, link))
        #: By namespace.
        self._in_streams: dict[str, StreamMember] = {}
        self._log = StreamLog(
            self,
            self._in_streams,
            options.session_key_prefix,
            options.read_count,
            options.requests_timeout,
        )
        self._receive: Receive | None = None
        #: By stream, the id of the entry that we have added last.
        self.added: dict[bytes, str] = {}

    def has_read(self, added: Mapping[bytes, str]) -> bool:
        """Whether streams were read up to these entries; for tests."""
        streams = self._streams.by_name
        return all(
            order(streams[name].reached) >= order(id) for name, id in added.items()
        )

    # ---- what a bus must have

    @property
    def log(self) -> StreamLog:
        """What keeps events for clients that come back."""
        return self._log

    def open(self, reactor: Reactor, receive: Receive) -> None:
        """Begin to connect."""
        self._receive = receive
        self._log.open(reactor)
        super().open(reactor, receive)

    def publish(
        self, message: Message, reached: Callable[[int], None] | None = None
    ) -> None:
        """Send a message to all others; see ``Bus``."""
        if is_fleeting(message):
            super().publish(message, reached)
        else:
            self.add(self._in_streams[message.nsp], message, 0)

    def leave(self, nsp: LocalNamespace, uid: str) -> None:
        """Take part in the namespace no longer."""
        member = self._in_streams.get(nsp.name)
        if member is not None and member.uid == uid:
            del self._in_streams[nsp.name]
        super().leave(nsp, uid)

    def close(self) -> None:
        """End; what waits is still said if that needs no waiting."""
        self._receive = None
        self._log.close()
        super().close()

    def _member(
        self, options: Options, nsp: LocalNamespace, uid: str, rooms: LocalRooms
    ) -> StreamMember:
        name = stream_of(nsp.name, self._name, options.stream_count)
        member = StreamMember(self._streams.by_name[name], options, nsp, uid)
        self._in_streams[nsp.name] = member
        return member

    # ---- the way of the log

    @property
    def flowing(self) -> bool:
        """Whether what we add is read again; see ``Way``."""
        return self.account.connected

    def add(self, member: StreamMember, message: Message, number: int) -> None:
        """Add an entry to the stream of a namespace; see ``Way``."""
        fields = write_entry(message, number)
        size = sum(map(len, fields))
        self._options.check(size)
        how = ("MAXLEN", "~", self._options.max_len, "*")
        self.put([("XADD", member.stream.name, *how, *fields)], size)

    def put(
        self,
        commands: Sequence[tuple[Any, ...]],
        size: int,
        answered: Callable[[Sequence[Any]], None] | None = None,
    ) -> None:
        """Send commands, after all earlier ones; see ``Way``."""
        self._outbox.put(commands, size + OVERHEAD, answered)

    # ---- what the outbox asks of us

    def wait_for_others(self, reactor: Reactor) -> None:
        """Do not wait: they read what they have missed."""
        self._link.ping()

    def _answered(self, parcel: Parcel, answers: Sequence[Any]) -> None:
        command = parcel.content[0][0]
        if command == "XADD" and not isinstance(answers[0], Exception):
            self.added[parcel.content[0][1]] = answers[0].decode()
        if command in ("MULTI", "XRANGE"):
            assert parcel.answer is not None
            parcel.answer(answers)
        else:
            super()._answered(parcel, answers)

    def _refuse(self, command: str, answer: Exception) -> None:
        if command == "XADD":
            self.account.lost += 1
        super()._refuse(command, answer)

    # ---- reading

    def _read(self, stream: Stream, id: str, fields: Any) -> None:
        """Take an entry of a stream."""
        nsp = ""
        try:
            entry = read_entry(fields)
            member = None if entry is None else self._in_streams.get(entry.nsp)
            if entry is None or member is None:
                return
            nsp = entry.nsp
            if entry.uid == member.uid:
                member.arrive(entry.number, id)
            elif self._receive is not None:
                self._receive(entry.message(), member.offset(id))
        except ProtocolError as exc:
            self._drop(nsp, exc)

    def _drop(self, nsp: str, error: ProtocolError) -> None:
        self.account.unreadable += 1
        log.debug("namespace=%r an entry is dropped: %s", nsp, error.reason)
        assert self._reactor is not None
        tell = self._reactor.observers.tell
        self._reactor.to_hub(tell, "adapter_failed", nsp, error)
