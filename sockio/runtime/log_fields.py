"""Log fields: what a record says beside its text, for handlers that write JSON.

They are attributes of the record, as ``extra=`` makes them. Their names begin with
``sockio_``, since a record has a ``name`` already, other libraries and structlog have
an ``event``, and an application may have fields of its own. What is not known is not
there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["NAMES", "PREFIX", "About", "Known", "fields"]

PREFIX = "sockio_"


class About(TypedDict, total=False):
    """What a line may be about; None: that is not known."""

    #: The id of a socket, which is no secret.
    sid: object
    #: The id of a session, which is one: at DEBUG only.
    session: object
    #: The name of a namespace.
    namespace: object
    #: The name of an event.
    event: object
    #: "polling", "websocket" or "webtransport".
    transport: object
    #: The address of the client.
    address: object


class Known(About, total=False):
    """What may be known: what a line is about, and more."""

    #: Why a client was turned away.
    code: object
    #: What to do about that.
    hint: object
    #: How many lines of this kind were left out.
    suppressed: int


#: The attributes that a record may have.
NAMES = tuple(PREFIX + name for name in Known.__annotations__)


def fields(**known: Unpack[Known]) -> dict[str, object]:
    """Return what is known for ``extra=``."""
    return {PREFIX + name: value for name, value in known.items() if value is not None}
