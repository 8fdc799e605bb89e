"""SocketData: what an application keeps with a socket, by attribute or by key."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    #: The type of ``socket.data``: SocketData, unless a middleware sets its own.
    DataT = TypeVar("DataT", default="SocketData")
else:
    from typing import TypeVar

    DataT = TypeVar("DataT")


class SocketData(MutableMapping[str, Any]):
    """``data.user = ...`` and ``data["user"]`` are the same; absent names raise."""

    def __getitem__(self, key: str) -> Any:
        return self.__dict__[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self.__dict__[key] = value

    def __delitem__(self, key: str) -> None:
        del self.__dict__[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.__dict__)

    def __len__(self) -> int:
        return len(self.__dict__)

    def __repr__(self) -> str:
        return f"SocketData({self.__dict__!r})"

    if TYPE_CHECKING:

        def __setattr__(self, name: str, value: Any) -> None:
            """Any name may be set."""

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"socket.data has no {name!r}")
