"""Instrument: give a server an admin namespace, for the official admin page.

sockio.instrument(io, auth=sockio.Basic("admin", bcrypt_hash), mode="production")
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sockio.errors import ConfigError
from sockio.runtime import logs
from sockio.runtime.observers import Observer
from sockio.socket.namespace.namespace import Namespace
from sockio.socket.one_socket.socket import Socket
from sockio.socket.server.server import Server

from .commands import Commands
from .feed import Feed
from .gate import Gate
from .options import AdminOptions, AdminSettings
from .overview import Overview
from .passwords import Passwords
from .peers import Peers
from .queues import Queues
from .sessions import Sessions
from .slow_handlers import SlowHandlers
from .statistics import Statistics
from .tails import Tails
from .traffic import Traffic
from .tries import Tries
from .voice import Voice
from .watching import Watching

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["instrument"]

log = logs.get("admin")

#: What a page may do, unless it may only look.
CHANGES = (
    "EMIT", "JOIN", "LEAVE", "DISCONNECT", "MJOIN", "MLEAVE", "MDISCONNECT"
)  # fmt: skip


def instrument(io: Server[Any], **options: Unpack[AdminSettings]) -> Namespace:
    """Let the official admin page, ``@socket.io/admin-ui``, see a server.

    Do it on every server of a cluster. Nothing is observed while nobody has the page
    open.

    Args:
        io: The server.
        options: ``auth``, which is needed: ``Basic("admin", bcrypt_hash)``, or False
            for everybody. ``mode``: "development", which shows sockets, rooms and
            events, or "production", which shows figures. ``readonly``: whether the page
            may only look. ``namespace``: "/admin". ``server_id``: the name of this
            process. ``session_duration``: seconds for which a page need not ask for
            the password again.

    Returns:
        The namespace of the page; its ``use`` adds conditions to enter.

    Raises:
        ConfigError: An option is wrong, the package bcrypt is missing, or there are
            clients in the namespace.
    """
    if not isinstance(io, Server):
        raise ConfigError(f"instrument({io!r}): give a sockio.Server")
    chosen = AdminOptions(**options)
    if any(isinstance(each, _Admin) for each in io.reactor.observers.all):
        raise ConfigError("instrument(): this server is instrumented; call it once")
    passwords = Passwords(chosen.auth, io.reactor.latch) if chosen.auth else None
    namespace = io.of(chosen.namespace)
    if namespace.sockets:
        raise ConfigError(
            f"instrument(namespace={namespace.name!r}): clients are in it, whom nobody "
            "has asked for a password; call it before the server starts"
        )
    if passwords is None:
        log.warning("everybody may enter the admin namespace: auth=False")
    # A pattern may have made it: without pages it must not go, and come back unguarded.
    namespace.on_removed = _nothing
    io.observe(_Admin(io, namespace, chosen, passwords))
    return namespace


class _Admin(Observer):
    """The admin namespace of one server, and what begins and ends with watching."""

    def __init__(
        self,
        io: Server[Any],
        namespace: Namespace,
        options: AdminOptions,
        passwords: Passwords | None,
    ) -> None:
        self._io = io
        self._options = options
        self._namespace = namespace
        self._peers = peers = Peers(namespace)
        self._watching = Watching(peers, io.reactor, self._make_watched)
        self._voice = Voice(namespace, self._watching)
        self._statistics = Statistics(io, peers, options.server_id)
        self._overview = Overview(io, peers) if self._shows_all else None
        self._commands = (
            None if options.readonly else Commands(io, namespace.name, peers)
        )
        self._tails = Tails(io, namespace, peers)
        self._gate: Gate | None = None
        if passwords is not None:
            now = io.reactor.clock.now
            sessions = Sessions(now, options.session_duration)
            self._gate = Gate(passwords, sessions, Tries(now), peers)
            namespace.use(self._gate)
        namespace.on("connection", self._on_page)

    @property
    def _shows_all(self) -> bool:
        return self._options.mode == "development"

    @property
    def _features(self) -> list[str]:
        changes = () if self._options.readonly else CHANGES
        all_events = ("ALL_EVENTS",) if self._shows_all else ()
        return [*changes, "AGGREGATED_EVENTS", *all_events]

    def _on_page(self, page: Socket[Any]) -> None:
        session = self._gate.take_session(page) if self._gate is not None else None
        if session is not None:
            page.emit("session", session)
        if self._commands is not None:
            self._commands.attach(page)
        self._tails.attach(page)
        page.emit("config", {"supportedFeatures": self._features})
        page.on("disconnect", lambda: self._watching.leave(page))
        self._watching.arrive(page)
        if self._overview is not None:
            page.emit("all_sockets", self._overview.everywhere())
        self._watching.beat_now()

    def _make_watched(self) -> _Watched:
        io, own = self._io, self._namespace.name
        feed = Feed(io, self._voice, own) if self._shows_all else None
        slow = SlowHandlers(io, self._voice, self._statistics, own)
        return _Watched(io, self._voice, self._statistics, feed, slow, self._tails)

    def server_closed(self) -> None:
        """Nobody watches any more."""
        self._watching.close()


class _Watched:
    """What is observed of a server while somebody watches."""

    def __init__(
        self,
        io: Server[Any],
        voice: Voice,
        statistics: Statistics,
        feed: Feed | None,
        slow_handlers: SlowHandlers,
        tails: Tails,
    ) -> None:
        self._io = io
        self._voice = voice
        self._statistics = statistics
        self._queues = Queues(io, statistics)
        self._traffic = Traffic(io.reactor.clock.time)
        self._feed = feed
        self._tails = tails
        observers = self._traffic, feed, slow_handlers
        self._observers = [each for each in observers if each is not None]

    def begin(self) -> None:
        """Observe from now on."""
        for observer in self._observers:
            self._io.observe(observer)
        if self._feed is not None:
            self._feed.look(tell=False)

    def beat(self) -> None:
        """Say how the server is; may block."""
        self._voice.say("server_stats", self._statistics.look(self._traffic))
        self._voice.say("queues", self._queues.look())
        if self._feed is not None:
            self._feed.look()

    def end(self) -> None:
        """Observe nothing any more."""
        for observer in self._observers:
            self._io._lifecycle.unobserve(observer)
        self._tails.close()


def _nothing(_: object) -> None:
    """Do nothing when a page has left."""
