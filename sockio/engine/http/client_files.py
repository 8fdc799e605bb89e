"""The JavaScript client's files: found in node_modules, read once, served compressed.

    /socket.io/socket.io.js, socket.io.min.js, ... and their source maps

They are not part of this package: npm's socket.io-client has them in its ``dist``.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from pathlib import Path

from sockio.errors import ConfigError

from .compression import Encoding, choose, pack
from .request import Request
from .response import Response

__all__ = ["NAMES", "ClientFiles", "find", "version_in"]

#: The files that exist, below the path of the server; no other is looked for.
NAMES = frozenset(
    name + suffix
    for name in (
        "socket.io.js",
        "socket.io.min.js",
        "socket.io.esm.min.js",
        "socket.io.msgpack.min.js",
    )
    for suffix in ("", ".map")
)
#: Where npm puts them, in the folder of an application or one above it.
PLACES = (
    "node_modules/socket.io-client/dist",
    "node_modules/socket.io/client-dist",
)

_JAVASCRIPT = "application/javascript; charset=utf-8"
_JSON = "application/json; charset=utf-8"
#: The beginning of a file that names its version.
_BANNER = re.compile(rb"[^\n]*\n[^\n]*Socket\.IO v([0-9A-Za-z.+-]+)")
#: Nearly as good as the best, in a fraction of the time; nothing else runs meanwhile.
_BROTLI_QUALITY = 5


def find(start: Path) -> Path | None:
    """Return the folder with the files: in ``start`` or the nearest one above it."""
    for folder in (start, *start.parents):
        for place in PLACES:
            if (folder / place / "socket.io.js").is_file():
                return folder / place
    return None


def version_in(script: bytes) -> str | None:
    """Return the version that the beginning of a client's file names."""
    match = _BANNER.match(script)
    return match[1].decode() if match is not None else None


class ClientFiles:
    """The files of one server; nothing is read before somebody asks for it."""

    def __init__(
        self,
        folder: str | Path | None = None,
        packers: Mapping[Encoding, Callable[[bytes], bytes]] | None = None,
    ) -> None:
        """Serve the files of a folder.

        Args:
            folder: Where they are; None: they are looked for when somebody asks, from
                the working directory upwards.
            packers: How to compress, in order of preference; None: what is installed.

        Raises:
            ConfigError: There is no such folder.
        """
        if folder is not None and not isinstance(folder, (str, Path)):
            raise ConfigError(f"client_dist={folder!r}: give the path of a folder")
        self._given = folder is not None
        self._folder = None if folder is None else Path(folder)
        if self._folder is not None and not self._folder.is_dir():
            raise ConfigError(
                f"client_dist={folder!r}: there is no such folder; give the folder "
                "dist of the npm package socket.io-client"
            )
        self._packers = packers
        self._files: dict[str, _File] = {}

    def answer(self, name: str, request: Request, response: Response) -> None:
        """End ``response`` with a file, or with advice where there is none.

        Args:
            name: One of ``NAMES``.
            request: Says what the client has, and what it can unpack.
            response: Its headers so far are kept.
        """
        file = self._files.get(name) or self._load(name)
        headers = response.headers
        if file is None:
            headers["Content-Type"] = "text/plain; charset=UTF-8"
            response.end(404, self._advice(name))
            return
        headers["Cache-Control"] = "public, max-age=0"
        headers["ETag"] = file.etag
        headers.vary("Accept-Encoding")
        if file.is_known(request.header("If-None-Match", "")):
            response.end(304)
            return
        headers["Content-Type"] = _JSON if name.endswith(".map") else _JAVASCRIPT
        body, encoding = file.packed(request.header("Accept-Encoding", ""))
        if encoding is not None:
            headers["Content-Encoding"] = encoding
        headers["Content-Length"] = str(len(body))
        response.end(200, body)

    def version(self) -> str | None:
        """Return the version of the client; "" if it tells none, None: no file."""
        if not self._found() or not (self._place / "socket.io.js").is_file():
            return None
        return self._version("socket.io.js") or ""

    def _found(self) -> bool:
        """Look for the folder if it is not known; say whether it is."""
        if self._folder is None:
            try:
                self._folder = find(Path.cwd())
            except FileNotFoundError:  # the working directory has been deleted
                return False
        return self._folder is not None

    @property
    def _place(self) -> Path:
        assert self._folder is not None
        return self._folder

    def _load(self, name: str) -> _File | None:
        if not self._found():
            return None
        try:
            body = (self._place / name).read_bytes()
        except OSError:
            return None
        if self._packers is None:
            self._packers = _installed_packers()
        file = self._files[name] = _File(body, self._version(name), self._packers)
        return file

    def _version(self, name: str) -> str | None:
        """Return the version that a file names; for a map, that of its script."""
        try:
            with (self._place / name.removesuffix(".map")).open("rb") as file:
                return version_in(file.read(200))
        except OSError:
            return None

    def _advice(self, name: str) -> str:
        if self._given:
            return (
                f"{name} is not in the folder that client_dist names. Let it name the "
                "folder dist of the npm package socket.io-client.\n"
            )
        return (
            f"{name} was not found. It is part of the npm package socket.io-client: "
            'run "npm install socket.io-client" in the folder that the server is '
            "started in, or name the folder with the files: "
            'Server(client_dist="...").\n'
        )


class _File:
    def __init__(
        self,
        body: bytes,
        version: str | None,
        packers: Mapping[Encoding, Callable[[bytes], bytes]],
    ) -> None:
        self._packers = packers
        self._bodies: dict[Encoding | None, bytes] = {None: body}
        digest = hashlib.sha256(body).hexdigest()[:16]
        self.etag = f'"{version if version is not None else digest}"'

    def is_known(self, if_none_match: str | None) -> bool:
        """Tell whether the client has the file already."""
        for tag in (if_none_match or "").split(","):
            tag = tag.strip()
            if tag == "*" or tag.removeprefix("W/") == self.etag:
                return True
        return False

    def packed(self, accept_encoding: str | None) -> tuple[bytes, Encoding | None]:
        """Return the file in the encoding that the client prefers, and which it is."""
        encoding = choose(accept_encoding or "", tuple(self._packers))
        body = self._bodies.get(encoding)
        if body is None:
            assert encoding is not None  # None is there from the beginning
            body = self._packers[encoding](self._bodies[None])
            self._bodies[encoding] = body
        return body, encoding


def _installed_packers() -> dict[Encoding, Callable[[bytes], bytes]]:
    packers: dict[Encoding, Callable[[bytes], bytes]] = {}
    try:
        import brotli  # type: ignore[import-not-found,import-untyped,unused-ignore]
    except ImportError:
        pass
    else:  # pragma: no cover - it is not needed, so tests run without it
        packers["br"] = lambda body: brotli.compress(body, quality=_BROTLI_QUALITY)
    packers["gzip"] = lambda body: pack(body, "gzip")
    packers["deflate"] = lambda body: pack(body, "deflate")
    return packers
