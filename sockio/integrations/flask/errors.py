"""Errors: what a connect handler raises to refuse its client."""

from __future__ import annotations

from typing import Any

from sockio.errors import ConnectError

__all__ = ["ConnectionRefusedError"]


class ConnectionRefusedError(ConnectError):
    """Raise it in a connect handler: the client gets the arguments.

    The first is the message; a second one is the data, several others are a list.
    """

    def __init__(self, *args: Any) -> None:
        message = str(args[0]) if args else "Connection rejected by server"
        others = list(args[1:])
        super().__init__(message, others[0] if len(others) == 1 else others or None)
        self.args = args

    @property
    def error_args(self) -> dict[str, Any]:
        """What the client gets."""
        data = {} if self.data is None else {"data": self.data}
        return {"message": self.message, **data}
