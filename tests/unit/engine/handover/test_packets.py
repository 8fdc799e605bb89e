from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sockio.engine.handover.packets import Passed, pack, unpack
from sockio.siblings.link import PACKET

INET = ("192.0.2.7", 5000)


def there(passed: Passed) -> Passed:
    """Return a request as the other process reads it."""
    packet, file = pack(passed)
    assert len(packet) < PACKET + 4096
    try:
        return unpack(packet, [] if file is None else [file])
    finally:
        if file is not None:
            os.close(file)


@pytest.mark.parametrize(
    "address", [INET, ("::1", 5000, 0, 3), "", "/run/x", b"\0abstract\xff", None]
)
@pytest.mark.parametrize("listener", [("0.0.0.0", 80), "/run/y\udcff", b"\0y", None])
def test_a_request_arrives_as_it_was(address: Any, listener: Any) -> None:
    passed = Passed(address, listener, b"GET / HTTP/1.1\r\n\r\n\0\xff", 129, True)

    assert there(passed) == passed


@given(st.binary(), st.integers(0, 2**31), st.booleans())
def test_what_was_received_arrives(early: bytes, answered: int, proxied: bool) -> None:
    passed = Passed(INET, INET, early, answered, proxied)

    assert there(passed) == passed


@pytest.mark.parametrize("size", [0, 1, PACKET - 1, PACKET, PACKET + 1, 3 << 20])
def test_a_request_of_any_size(size: int) -> None:
    passed = Passed(INET, INET, os.urandom(size))

    assert there(passed) == passed
    file = pack(passed)[1]
    assert (file is not None) == (size > PACKET)
    if file is not None:
        assert not os.get_inheritable(file)
        os.close(file)


def test_the_address_of_a_client_that_is_no_text(tmp_path: Path) -> None:
    """Clients of a Unix socket choose the paths of their own."""
    path = os.fsencode(tmp_path) + b"/\xff"
    with socket.socket(socket.AF_UNIX) as client, socket.socket(socket.AF_UNIX) as s:
        s.bind(str(tmp_path / "s"))
        s.listen()
        client.bind(path)
        client.connect(str(tmp_path / "s"))
        sock, address = s.accept()
        sock.close()

    assert there(Passed(address, None, b"")).address == address == os.fsdecode(path)


@pytest.mark.parametrize(
    ("packet", "files"),
    [
        (b"", 0),
        (b"\n", 0),
        (b"[]\n", 0),
        (b"1\n", 0),
        (b"null\n", 0),
        (b"\xff\n", 0),
        (b'["a",null,0,false,true]', 0),
        (b'["a",null,0,false,true]\n', 1),
        (b'["a",null,0,false,false]\n', 0),
        (b'["a",null,0,false,false]\n', 2),
        (b'["a",null,"0",false,true]\n', 0),
        (b'["a",null,true,false,true]\n', 0),
        (b'["a",null,0,false,true,0]\n', 0),
        (b'[{"name":"x"},null,0,false,true]\n', 0),
        (b"[{},null,0,false,true]\n", 0),
    ],
)
def test_packets_of_another_release(packet: bytes, files: int) -> None:
    opened = [os.memfd_create("test") for _ in range(files)]

    with pytest.raises(ValueError, match="another release"):
        unpack(packet, opened)

    for file in opened:
        os.close(file)
