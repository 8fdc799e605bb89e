from __future__ import annotations

import gzip
import hashlib
import re
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from sockio.engine.http.client_files import NAMES, ClientFiles, find
from sockio.engine.http.compression import Encoding
from sockio.engine.http.request import Request
from sockio.engine.http.response import Response
from sockio.errors import ConfigError

SCRIPT = b"/*!\n * Socket.IO v4.8.4\n * (c)\n */\n!function(){}()\n" + b"x" * 500
MAP = b'{"version":3,"sources":[]}'

Packers = dict[Encoding, Callable[[bytes], bytes]]


@pytest.fixture
def dist(tmp_path: Path) -> Path:
    return fill(tmp_path / "app" / "node_modules" / "socket.io-client" / "dist")


def fill(folder: Path) -> Path:
    folder.mkdir(parents=True)
    for name in NAMES:
        (folder / name).write_bytes(MAP if name.endswith(".map") else SCRIPT)
    return folder


def ask(
    files: ClientFiles,
    name: str = "socket.io.js",
    method: str = "GET",
    response: Response | None = None,
    **headers: str,
) -> Response:
    """Ask for a file; headers are given by their CGI names."""
    environ = {f"HTTP_{key}": value for key, value in headers.items()}
    response = response or Response()
    files.answer(name, Request({"REQUEST_METHOD": method, **environ}), response)
    assert response.ended
    return response


# ------------------------------------------------------------------ what is served


def test_the_names_are_those_of_node() -> None:
    assert sorted(NAMES) == [
        "socket.io.esm.min.js",
        "socket.io.esm.min.js.map",
        "socket.io.js",
        "socket.io.js.map",
        "socket.io.min.js",
        "socket.io.min.js.map",
        "socket.io.msgpack.min.js",
        "socket.io.msgpack.min.js.map",
    ]


@pytest.mark.parametrize("name", sorted(NAMES))
def test_a_file_is_served(dist: Path, name: str) -> None:
    response = ask(ClientFiles(dist), name)

    is_map = name.endswith(".map")
    kind = "application/json" if is_map else "application/javascript"
    assert response.status == 200
    assert response.body == (MAP if is_map else SCRIPT)
    assert dict(response.headers) == {
        "Cache-Control": "public, max-age=0",
        "ETag": '"4.8.4"',
        "Vary": "Accept-Encoding",
        "Content-Type": f"{kind}; charset=utf-8",
        "Content-Length": str(len(response.body)),
    }


def test_headers_that_are_there_stay(dist: Path) -> None:
    response = Response()
    response.headers["Vary"] = "Origin"
    response.headers["Access-Control-Allow-Origin"] = "*"

    ask(ClientFiles(dist), response=response)

    assert response.headers["Vary"] == "Origin, Accept-Encoding"
    assert response.headers["Access-Control-Allow-Origin"] == "*"


def test_a_file_is_read_once(dist: Path) -> None:
    files = ClientFiles(dist)
    ask(files)

    (dist / "socket.io.js").write_bytes(b"changed")

    assert ask(files).body == SCRIPT


# ------------------------------------------------------------------ what a client has


@pytest.mark.parametrize(
    "tag", ['"4.8.4"', 'W/"4.8.4"', '"4.8.3", W/"4.8.4"', "*", '"x" , *']
)
def test_a_client_that_has_it_is_told_so(dist: Path, tag: str) -> None:
    response = ask(ClientFiles(dist), IF_NONE_MATCH=tag)

    assert (response.status, response.body) == (304, b"")
    assert response.headers["ETag"] == '"4.8.4"'
    assert "Content-Type" not in response.headers


@pytest.mark.parametrize("tag", ['"4.8.3"', "4.8.4", "", ",", 'w/"4.8.4"'])
def test_a_client_that_has_another_gets_it(dist: Path, tag: str) -> None:
    assert ask(ClientFiles(dist), IF_NONE_MATCH=tag).status == 200


@pytest.mark.parametrize("content", [b"no version", b"", b"/*!\n\n Socket.IO v4 */"])
def test_a_file_without_version_is_known_by_its_content(
    dist: Path, content: bytes
) -> None:
    (dist / "socket.io.js").write_bytes(content)

    response = ask(ClientFiles(dist))

    assert response.headers["ETag"] == f'"{hashlib.sha256(content).hexdigest()[:16]}"'


def test_a_map_without_script_is_known_by_its_content(dist: Path) -> None:
    (dist / "socket.io.js").unlink()

    etag = ask(ClientFiles(dist), "socket.io.js.map").headers["ETag"]

    assert etag == f'"{hashlib.sha256(MAP).hexdigest()[:16]}"'


# ------------------------------------------------------------------ compression


@pytest.mark.parametrize(
    ("accept", "encoding", "unpack"),
    [
        ("gzip", "gzip", gzip.decompress),
        ("deflate", "deflate", zlib.decompress),
        ("deflate, gzip", "gzip", gzip.decompress),
        ("deflate, gzip;q=0.5", "deflate", zlib.decompress),
    ],
)
def test_files_are_compressed(
    dist: Path, accept: str, encoding: str, unpack: Callable[[bytes], bytes]
) -> None:
    response = ask(ClientFiles(dist), ACCEPT_ENCODING=accept)

    assert response.headers["Content-Encoding"] == encoding
    assert response.headers["Content-Length"] == str(len(response.body))
    assert unpack(response.body) == SCRIPT


@pytest.mark.parametrize("accept", ["", "identity", "zstd", "gzip;q=0, deflate;q=0"])
def test_who_cannot_unpack_gets_it_plain(dist: Path, accept: str) -> None:
    response = ask(ClientFiles(dist), ACCEPT_ENCODING=accept)

    assert response.body == SCRIPT
    assert "Content-Encoding" not in response.headers


def test_each_form_is_made_once(dist: Path) -> None:
    made: list[bytes] = []
    packers: Packers = {"br": lambda body: made.append(body) or b"packed"}  # type: ignore[func-returns-value]
    files = ClientFiles(dist, packers)

    bodies = [ask(files, ACCEPT_ENCODING="gzip, deflate, br").body for _ in range(3)]

    assert bodies == [b"packed"] * 3
    assert made == [SCRIPT]


def test_brotli_is_liked_best_where_it_is_installed(dist: Path) -> None:
    brotli = pytest.importorskip("brotli")

    response = ask(ClientFiles(dist), ACCEPT_ENCODING="gzip, deflate, br")

    assert response.headers["Content-Encoding"] == "br"
    assert brotli.decompress(response.body) == SCRIPT


# ------------------------------------------------------------------ where they are


def test_they_are_found_from_the_working_directory_upwards(
    dist: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = dist.parents[2]
    (app / "deep" / "down").mkdir(parents=True)
    monkeypatch.chdir(app / "deep" / "down")

    assert find(Path.cwd()) == dist
    assert ask(ClientFiles()).body == SCRIPT


def test_the_server_of_node_has_them_too(tmp_path: Path) -> None:
    folder = fill(tmp_path / "node_modules" / "socket.io" / "client-dist")

    assert find(tmp_path) == folder


def test_the_nearest_are_taken(dist: Path) -> None:
    fill(dist.parents[3] / "node_modules" / "socket.io-client" / "dist")

    assert find(dist.parents[2]) == dist


def test_advice_where_there_are_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    response = ask(ClientFiles())

    assert response.status == 404
    assert response.headers["Content-Type"] == "text/plain; charset=UTF-8"
    assert "ETag" not in response.headers
    text = response.body.decode()
    for part in ("socket.io.js", "npm install socket.io-client", "client_dist="):
        assert part in text
    assert str(tmp_path) not in text


def test_they_are_looked_for_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    files = ClientFiles()
    assert ask(files).status == 404

    fill(tmp_path / "node_modules" / "socket.io-client" / "dist")

    assert ask(files).status == 200


def test_the_working_directory_may_be_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()

    assert ask(ClientFiles()).status == 404


def test_a_folder_may_be_given_as_text(dist: Path) -> None:
    assert ask(ClientFiles(str(dist))).status == 200


def test_a_file_may_be_missing_in_the_folder(dist: Path) -> None:
    (dist / "socket.io.js").unlink()

    response = ask(ClientFiles(dist))

    assert response.status == 404
    assert b"client_dist" in response.body
    assert str(dist).encode() not in response.body


def test_a_folder_that_there_is_not_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=re.escape(f"client_dist={tmp_path / 'x'!r}")):
        ClientFiles(tmp_path / "x")
