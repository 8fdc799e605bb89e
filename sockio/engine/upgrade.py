"""Upgrade: the trial of a second transport, which may replace the first.

Spec: Engine.IO protocol v4, "Upgrade".
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

from sockio.httpd.owner import Place
from sockio.protocol.engineio.packet import Packet, PacketType
from sockio.protocol.engineio.wire import Wire
from sockio.runtime import logs
from sockio.runtime.clock import Timer
from sockio.runtime.reactor import Reactor
from sockio.runtime.refusals import UPGRADE_FAILED

from .outbox import Outbox
from .transports.transport import PROBE_ANSWER, RETIRED, Transport

log = logs.get("engine.upgrade")

#: Seconds between checks whether the client polls again during the probe. The client
#: counts packets, so the poll must not be released at once.
RELEASE_INTERVAL = 0.1


class Upgrading(Protocol):
    """What the trial asks of its session."""

    remote_address: str

    def on_probe(self, transport: Transport) -> None:
        """The client has probed; it is about to pause its polling."""

    def release_poll(self) -> bool:
        """Answer the parked GET, so that the client can pause; False: none waits."""

    def when_read(self, fn: Callable[[], None]) -> None:
        """Call ``fn`` when all packets of the first transport have been handed on."""

    def on_upgrade(self, transport: Transport) -> None:
        """The client has moved to ``transport``, which is paused."""

    def on_upgrade_failed(self) -> None:
        """The trial is over; the first transport stays."""


class Upgrade:
    """The sink of the transport on trial; exists only during the probe."""

    def __init__(
        self,
        session: Upgrading,
        transport: Transport,
        reactor: Reactor,
        timeout: float,
    ) -> None:
        self._session = session
        self._transport = transport
        self._reactor = reactor
        self._address = session.remote_address
        self._delays = reactor.delays
        self._probed = False
        self._over = False
        #: The client has moved; what it sent before is still to be handed on.
        self._moving = False
        self._release_timer: Timer | None = None
        self._deadline: Timer | None = reactor.deadline(timeout, self._on_deadline)
        #: Where it holds a descriptor, with which socket, and since when the client has
        #: not got on.
        self._place: Place | None = None
        self.sock: Any = None
        self.waits_since: float | None = None
        transport.bind(Outbox(), self)

    def on_packet(self, packet: Packet) -> None:
        """Take a probe, which is optional, then an upgrade; all else ends the trial."""
        if self._over:
            return
        if packet.type is PacketType.PING and packet.data == "probe":
            # A client that keeps probing without reading gets no further answers.
            self._transport.offer(PROBE_ANSWER)
            if not self._probed:
                self._probed = True
                self._session.on_probe(self._transport)
                self._release_later()
                self._got_on()
        elif packet.type is PacketType.UPGRADE:
            self._stop()
            self._moving = True
            self._transport.pause()
            self._session.when_read(self._move)
        else:
            self._fail(f"unexpected {packet.type.name} packet")

    def on_message(self, data: str | bytes) -> None:
        """Messages belong to the first transport until the upgrade."""
        self._fail("unexpected message")

    def on_ready(self) -> None:
        """Nothing waits for a transport on trial."""

    def on_flushed(self, wires: list[Wire]) -> None:
        """A transport on trial takes nothing from an outbox."""

    def unless_silent(self, fn: Callable[[], None]) -> None:
        """No request asks a transport on trial for packets."""

    def on_lost(self, reason: str, description: object = None) -> None:
        """The transport broke; the first one stays."""
        if not self._over:
            self._stop()
            self._transport.sink = RETIRED
            log.debug("upgrade failed: %s", reason)
            self._session.on_upgrade_failed()

    def hold(self, place: Place, sock: Any) -> None:
        """Give way if newcomers to ``place`` need the descriptor of ``sock``."""
        self._place = place
        self.sock = sock
        self.waits_since = place.clock.now()
        place.hold(self)

    def give_way(self) -> None:
        """Leave the client on its first transport: others need the descriptor.

        All descriptors may be those of trials whose clients wait for one more, to end
        their polling with.
        """
        # The client may have moved already: what it sent then comes first.
        self._reactor.in_lull(partial(self._fail, "no descriptor is left"))

    def abort(self) -> None:
        """End the trial and close its transport, unless the trial is over."""
        if not self._over or self._moving:
            self._stop()
            self._moving = False
            self._transport.sink = RETIRED
            self._transport.close(_nothing, discard=True)

    def _move(self) -> None:
        if self._moving:
            self._moving = False
            self._session.on_upgrade(self._transport)

    def _release_later(self) -> None:
        self._release_timer = self._delays.call_later(
            RELEASE_INTERVAL, self._release_poll
        )

    def _release_poll(self) -> None:
        self._release_later()
        if self._session.release_poll():
            self._got_on()  # it can move now, and is about to

    def _got_on(self) -> None:
        if self.waits_since is not None:
            self.waits_since = self._reactor.clock.now()

    def _on_deadline(self) -> None:
        self._deadline = None
        self._fail("no upgrade in time")

    def _fail(self, why: str) -> None:
        if not self._over:
            tell_refused(self._reactor, self._transport.name, self._address, why)
            self.abort()
            self._session.on_upgrade_failed()

    def _stop(self) -> None:
        self._over = True
        for timer in (self._release_timer, self._deadline):
            if timer is not None:
                timer.cancel()
        self._release_timer = self._deadline = None
        if self._place is not None:
            self._place.release(self)


def tell_refused(reactor: Reactor, transport: str, address: str, why: str) -> None:
    """Log that a client stays on its first transport.

    Args:
        reactor: That of the server.
        transport: The name of the one that it tried.
        address: The client's.
        why: What went wrong.
    """
    cause = UPGRADE_FAILED
    level = cause.level_now(log, reactor.repeats)
    extra = cause.fields(transport=transport, address=address or None)
    log.log(level, "upgrade to %s failed: %s; %s", transport, why, cause, extra=extra)


def _nothing() -> None:
    """Nobody waits until the transport on trial has closed."""
