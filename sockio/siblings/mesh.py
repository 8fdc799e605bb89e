"""Mesh: the members of a group, each of which has a link to each other one.

A process calls all others when it opens its mesh, and looks a few times more for those
whom it has overlooked. Who is called by somebody unknown calls back. Who does not
answer, or falls behind, is dropped and called again; who refuses is gone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Protocol

from sockio.runtime import logs

from .link import Link
from .member import Member
from .packets import Packed, pack

if TYPE_CHECKING:
    from sockio.runtime.clock import Timer
    from sockio.runtime.reactor import Reactor

    from .siblings import Siblings

__all__ = ["KIND", "Hearer", "Mesh"]

log = logs.get("siblings")

#: The kind of the links; a release that means something else by them has another one.
KIND = "bus/1"
#: Seconds until a member is called again, at first and at most.
_FIRST, _LONGEST = 0.25, 5.0
#: Seconds after the opening when it looks again who is there.
_AGAIN = (1.0, 5.0, 20.0)
#: Seconds for which a member has to stay, so that it is called again immediately.
_STEADY = 5.0


class Hearer(Protocol):
    """What the members speak to; it is called in the hub, and blocks nowhere.

    ``left`` may also come while something is said.
    """

    def greeting(self) -> bytes:
        """Return what each member is told first."""

    def heard(self, member: Member, message: bytes) -> None:
        """Take a message of a member; the first one is its greeting."""

    def changed(self, member: Member) -> None:
        """A member answers, or does so no longer."""

    def left(self, member: Member) -> None:
        """A member has left; it may come back."""

    def gone(self, member: Member) -> None:
        """A member will not come back."""


class Mesh:
    """The other members, as one of them sees them."""

    def __init__(self, siblings: Siblings, reactor: Reactor, hearer: Hearer) -> None:
        """Meet the others once ``open`` is called.

        Args:
            siblings: Who makes and takes the links.
            reactor: Of the server.
            hearer: Hears the others.
        """
        self.reactor = reactor
        self._siblings = siblings
        self._hearer = hearer
        #: By tag; also those that are called again.
        self._members: dict[str, Member] = {}
        #: Those that something was said to in this pass of the loop.
        self._speaking: list[Member] = []
        #: Until when a member is not called, and how long that was at last.
        self._timers: dict[Member, Timer] = {}
        self._pauses: dict[Member, float] = {}
        #: Since when a member is there.
        self._since: dict[Member, float] = {}
        #: Those that were there, and are not at present.
        self._away: set[Member] = set()
        self._closed = False
        #: For the next look who is there.
        self._looks: list[Timer] = []
        #: Messages that a member missed and came back later.
        self.lost = 0
        #: How often this process dropped a member.
        self.dropped = 0
        #: How often a member that had left came back.
        self.returned = 0
        self.heard = hearer.heard

    def __iter__(self) -> Iterator[Member]:
        return iter(self._members.values())

    def __len__(self) -> int:
        return len(self._members)

    def open(self) -> None:
        """Call all who are there."""
        self._siblings.welcome(KIND, self._welcome)
        self._look()
        call_later = self.reactor.delays.call_later
        self._looks = [call_later(seconds, self._look) for seconds in _AGAIN]

    def _look(self) -> None:
        """Call those who are there and unknown."""
        for tag in self._siblings.others:
            if tag not in self._members:
                self._call(self._member(tag))

    def close(self) -> None:
        """Leave; what the kernel takes immediately is still said."""
        self._closed = True
        for timer in (*self._timers.values(), *self._looks):
            timer.cancel()
        for member in list(self._members.values()):
            member.close()
        self._members.clear()
        self._timers.clear()
        self._pauses.clear()
        self._since.clear()
        self._away.clear()
        self._speaking.clear()

    # ------------------------------------------------------------------ calling

    def _member(self, tag: str) -> Member:
        member = self._members.get(tag)
        if member is None:
            member = self._members[tag] = Member(tag, self)
        return member

    def _welcome(self, link: Link, tag: str) -> None:
        """Take the link of a caller, and call back."""
        if self._closed or tag == self._siblings.tag:
            link.close()
            return
        member = self._member(tag)
        member.accept(link)
        self._call(member)

    def _call(self, member: Member) -> None:
        timer = self._timers.pop(member, None)
        if timer is not None:
            timer.cancel()
        if self._closed or self._members.get(member.tag) is not member:
            return
        try:
            member.call()
        except ConnectionRefusedError:
            self._forget(member, "it has gone")
        except PermissionError as exc:
            log.warning("the sibling %s is not called: %s", member.tag, exc.strerror)
            self._forget(member, "it belongs to another user")
        except OSError as exc:
            log.debug("the sibling %s cannot be called: %s", member.tag, exc.strerror)
            self._call_later(member)

    def _call_later(self, member: Member) -> None:
        pause = min(2 * self._pauses.get(member, _FIRST / 2), _LONGEST)
        self._pauses[member] = pause
        self._timers[member] = self.reactor.clock.call_later(pause, self._call, member)

    def _forget(self, member: Member, why: str) -> None:
        del self._members[member.tag]
        member.end(why)
        self._pauses.pop(member, None)
        self._away.discard(member)
        self._hearer.gone(member)

    # ------------------------------------------------------------------ for members

    def make_link(
        self,
        tag: str,
        *,
        most: int,
        patience: float,
        on_packet: Callable[[bytes, Sequence[int]], None],
        on_end: Callable[[str], None],
    ) -> Link:
        """See ``Owner``; so for all below."""
        return self._siblings.connect(
            tag,
            KIND,
            most=most,
            patience=patience,
            on_packet=on_packet,
            on_end=on_end,
        )

    def greeting(self) -> Packed:
        return pack(self._hearer.greeting())

    def changed(self, member: Member) -> None:
        if member.state == "here":
            self._is_here(member)
        elif member.state == "silent":
            log.warning("the sibling %s hangs: nobody waits for it", member.tag)
        self._hearer.changed(member)

    def _is_here(self, member: Member) -> None:
        if member in self._since:
            log.info("the sibling %s answers again", member.tag)
        else:
            log.debug("the sibling %s is here", member.tag)
        if member in self._away:
            self._away.remove(member)
            self.returned += 1
            log.warning(
                "the sibling %s is back; it missed %d messages of ours",
                member.tag,
                member.missed,
            )
        self.lost += member.missed
        member.missed = 0
        self._since.setdefault(member, self.reactor.clock.now())

    def left(self, member: Member, why: str, *, dropped: bool) -> None:
        since = self._since.pop(member, None)
        if since is not None:
            self._away.add(member)
        if dropped:
            self.dropped += 1
            log.warning("the sibling %s is dropped: %s", member.tag, why)
        else:
            log.debug("the sibling %s has left: %s", member.tag, why)
        self._hearer.left(member)
        if self._closed or self._members.get(member.tag) is not member:
            return
        if since is not None and self.reactor.clock.now() - since >= _STEADY:
            self._pauses.pop(member, None)
        if member in self._pauses or dropped:
            self._call_later(member)
        else:
            # It has most probably gone, which it is time to know.
            self._pauses[member] = _FIRST / 2
            self.reactor.soon(self._call, member)

    def will_flush(self, member: Member) -> None:
        if not self._speaking:
            self.reactor.soon(self._flush)
        self._speaking.append(member)

    def _flush(self) -> None:
        speaking, self._speaking = self._speaking, []
        for member in speaking:
            member.flush()
