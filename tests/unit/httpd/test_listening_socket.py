from __future__ import annotations

import errno
import socket
from pathlib import Path
from typing import Any

import pytest

from sockio.errors import ConfigError
from sockio.httpd.listening_socket import host_and_port, listen, shown


@pytest.mark.parametrize(
    ("address", "host", "port"),
    [
        (3000, "", 3000),
        ("3000", "", 3000),
        (":3000", "", 3000),
        ("*:3000", "", 3000),
        ("127.0.0.1:0", "127.0.0.1", 0),
        ("[::1]:3000", "::1", 3000),
        (("::", 0), "::", 0),
        (["127.0.0.1", 65535], "127.0.0.1", 65535),
        (("::1", 3000, 0, 0), "::1", 3000),
    ],
)
def test_addresses(address: Any, host: str, port: int) -> None:
    assert host_and_port(address) == (host, port)


@pytest.mark.parametrize(
    ("address", "words"),
    [
        (None, "is no port"),
        (True, "is no port"),
        (3000.0, "is no port"),
        (-1, "is no port"),
        (65536, "is no port"),
        (b"127.0.0.1:3000", "is no port"),
        (object(), "is no port"),
        ("", "it has no port"),
        ("localhost", "it has no port"),
        ("localhost:", "is no port"),
        ("localhost:http", "is no port"),
        ("localhost:²", "is no port"),
        ("localhost:" + "9" * 5000, "is no port"),
        ("local host:3000", "is no port"),
        ("http://127.0.0.1:3000", r'leave out http://, and write "127\.0\.0\.1:3000"'),
        ("https://a.example:3000/x", r'write "a\.example:3000"'),
        ((), "is no port"),
        (("127.0.0.1",), "is no port"),
        (("127.0.0.1", "3000"), "the host is text, the port a number"),
        ((3000, "127.0.0.1"), "the host is text, the port a number"),
        ((None, 3000), "the host is text, the port a number"),
        ((b"127.0.0.1", 3000), "the host is text"),
        (lambda environ, start_response: [], r"call attach\(app\) first"),
    ],
)
def test_what_is_no_address(address: Any, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        listen(address, 1)


@pytest.mark.parametrize(
    ("address", "text"),
    [
        (3000, "port 3000"),
        (("127.0.0.1", 3000), "127.0.0.1:3000"),
        ("[::1]:3000", "[::1]:3000"),
        ("unix:/x", "unix:/x"),
        ("systemd", "systemd"),
        ("systemd:chat", "systemd:chat"),
    ],
)
def test_how_an_address_is_shown(address: Any, text: str) -> None:
    assert shown(address) == text


def test_an_address_in_use_is_named() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        address = f"127.0.0.1:{other.getsockname()[1]}"

        with pytest.raises(OSError, match=f"{address} is in use: ") as caught:
            listen(address, 1)

    assert caught.value.errno == errno.EADDRINUSE
    assert "\n" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_a_path_in_use_is_named(tmp_path: Path) -> None:
    address = f"unix:{tmp_path}/x.sock"
    first = listen(address, 1)

    with pytest.raises(OSError, match=f"{address} is in use: "):
        listen(address, 1)

    first.close()


def test_other_reasons_are_told(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"192\.0\.2\.1:3000 is not an address of this"):
        listen("192.0.2.1:3000", 1)
    with pytest.raises(FileNotFoundError, match="is in a folder that does not exist"):
        listen(f"unix:{tmp_path}/no/x.sock", 1)
    with pytest.raises(socket.gaierror, match="there is no host of that name"):
        listen("no-such-host.invalid:3000", 1)


def test_a_socket_of_systemd_needs_systemd() -> None:
    with pytest.raises(ConfigError, match="systemd:chat: systemd has passed no socket"):
        listen("systemd:chat", 1)
