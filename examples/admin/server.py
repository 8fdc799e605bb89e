"""Workers whom the official admin page watches, and the page itself.

    python -m pip install "sockio[admin]"
    npm ci --prefix examples/admin
    python examples/admin/server.py 3000 2

Then open http://127.0.0.1:3000/admin-ui/, and give ``http://127.0.0.1:3000`` as the
server, ``admin`` as the name and ``secret`` as the password. ADMIN_HASH holds the
bcrypt hash of another password, and ``--page FOLDER`` names another copy of the page.
"""

from __future__ import annotations

import argparse
import mimetypes
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import sockio

HERE = Path(__file__).parent
PAGE = Path("node_modules", "@socket.io", "admin-ui", "ui", "dist")
#: Where npm may have put the page.
PACKAGES = (HERE, HERE.parent.parent / "tests" / "js")
#: bcrypt of ``secret``: an example has no secrets.
HASH = "$2b$10$/mSHdEOaDJFBzETfF6E9a.zS5nXMONSsWy.lk2hIMMG5jbO9zfBCi"

io = sockio.Server()
sockio.instrument(
    io,
    auth=sockio.Basic("admin", os.environ.get("ADMIN_HASH", HASH)),
    mode="development",
)


@io.on("connection")
def connected(socket: sockio.Socket) -> None:
    @socket.on("enter")
    def enter(room: str) -> int:
        socket.join(room)
        socket.data.room = room
        return os.getpid()

    @socket.on("say")
    def say(text: str) -> None:
        io.to(socket.data.room).emit("said", text)


class Page:
    """The files of the admin page, below ``/admin-ui/``."""

    def __init__(self, folder: Path) -> None:
        self._files = {
            f"/admin-ui/{file.relative_to(folder).as_posix()}": file
            for file in folder.rglob("*")
            if file.is_file()
        }
        self._files["/admin-ui/"] = folder / "index.html"

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Serve one file."""
        file = self._files.get(environ["PATH_INFO"])
        if file is None:
            start_response("404 Not Found", [("Content-Length", "0")])
            return [b""]
        body = file.read_bytes()
        kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        headers = [("Content-Type", kind), ("Content-Length", str(len(body)))]
        start_response("200 OK", headers)
        return [body]


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    port = int(os.environ.get("PORT", "3000"))
    parser.add_argument("port", nargs="?", type=int, default=port)
    parser.add_argument("workers", nargs="?", type=int, default=1)
    found = [folder / PAGE for folder in PACKAGES if (folder / PAGE).is_dir()]
    parser.add_argument("--page", type=Path, default=found[0] if found else HERE / PAGE)
    options = parser.parse_args()
    io.attach(Page(options.page))
    io.run(("127.0.0.1", options.port), workers=options.workers)
