"""User: who a client is, as an integration of a framework knows it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sockio.errors import NotSupported

if TYPE_CHECKING:
    from sockio.engine.http.request import Request

__all__ = ["HasUser"]


class HasUser:
    """The part of a socket that asks for its user."""

    __slots__ = ()

    if TYPE_CHECKING:

        @property
        def request(self) -> Request: ...

    def refresh_user(self) -> Any:
        """Read the session and the user of this client again, and return the user.

        Raises:
            NotSupported: No integration knows users; that of Django does.

        Blocks:
            As long as the database does.
        """
        refresh = getattr(self.request, "refresh_user", None)
        if refresh is None:
            raise NotSupported(
                "refresh_user(): only sockio.integrations.django knows users; serve "
                "what its application(io) returns"
            )
        return refresh()
