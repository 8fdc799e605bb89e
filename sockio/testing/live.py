"""Live: a server of a test on a free port, for real clients."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Any

from sockio.socket.server.server import Server

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["LiveServer"]

#: Seconds that requests under way get to end when the port is closed.
_GRACE = 2.0


class LiveServer:
    """A server that listens on a free port of 127.0.0.1, until it is closed.

    It serves in the loop of this native thread: while the test blocks the thread, it
    does not. So run a driver that blocks, as those of browsers do, by ``run``.
    """

    def __init__(self, io: Server[Any]) -> None:
        """Listen; an application given to ``io.attach`` is served too."""
        #: The server.
        self.io = io
        self._http = io.listen(("127.0.0.1", 0))
        address = self._http.address
        assert isinstance(address, tuple)  # of a TCP socket
        #: The port.
        self.port: int = address[1]
        #: For instance ``http://127.0.0.1:41234``.
        self.url = f"http://127.0.0.1:{self.port}"

    def run(self, fn: Any, *args: Any, **kwargs: Any) -> Any:
        """Run ``fn`` in a native thread, and return its result.

        Blocks:
            Until it has returned; the server serves meanwhile.
        """
        return self.io.run_in_thread(fn, *args, **kwargs)

    def close(self) -> None:
        """Listen no more, and end the connections that came over the port.

        Blocks:
            Until the requests under way have ended.
        """
        for session in list(self.io.engine.clients.values()):
            request = session.request
            if request and request.environ.get("SERVER_PORT") == str(self.port):
                session.close(discard=True)
        self._http.close(_GRACE)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
