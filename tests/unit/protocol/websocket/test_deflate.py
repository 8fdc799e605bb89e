from __future__ import annotations

import zlib
from typing import Any

import pytest

from sockio.errors import ConfigError, ProtocolError
from sockio.protocol.websocket.deflate import Agreed, Deflate, Inflater, negotiate
from sockio.protocol.websocket.frames import FrameReader, frame

ALONE = "; server_no_context_takeover; client_no_context_takeover"
TAKEOVER = Deflate(server_no_context_takeover=False, client_no_context_takeover=False)


def agree(offer: str = "permessage-deflate", **options: Any) -> Agreed:
    agreed = negotiate(offer, Deflate(**options))
    assert agreed is not None
    return agreed


@pytest.mark.parametrize(
    ("offer", "answer"),
    [
        ("permessage-deflate", ""),
        ("Permessage-Deflate; client_max_window_bits", ""),
        (
            "permessage-deflate; server_max_window_bits=10",
            "; server_max_window_bits=10",
        ),
        (
            'permessage-deflate; server_max_window_bits="15"',
            "; server_max_window_bits=15",
        ),
        (
            "permessage-deflate; client_max_window_bits=9",
            "; client_max_window_bits=9",
        ),
        (
            "permessage-deflate; client_no_context_takeover;server_no_context_takeover",
            "",
        ),
        ("x-webkit-deflate-frame, permessage-deflate", ""),
        ("permessage-deflate; unknown, permessage-deflate", ""),
    ],
)
def test_what_is_agreed_by_default(offer: str, answer: str) -> None:
    assert agree(offer).header == "permessage-deflate" + ALONE + answer


@pytest.mark.parametrize(
    "offer",
    [
        "",
        "x-webkit-deflate-frame",
        "permessage-deflate; unknown",
        "permessage-deflate; server_max_window_bits",
        "permessage-deflate; server_max_window_bits=7",
        "permessage-deflate; server_max_window_bits=08",
        "permessage-deflate; server_max_window_bits=8",
        "permessage-deflate; client_max_window_bits=16",
        "permessage-deflate; client_max_window_bits=",
        "permessage-deflate; server_no_context_takeover=1",
        "permessage-deflate; client_no_context_takeover; client_no_context_takeover",
    ],
)
def test_offers_that_are_declined(offer: str) -> None:
    assert negotiate(offer, Deflate()) is None


def test_takeover_is_kept_where_both_want_it() -> None:
    assert agree(**_fields(TAKEOVER)).header == "permessage-deflate"


def test_the_client_may_ask_for_less_than_we_would_keep() -> None:
    agreed = agree(
        "permessage-deflate; server_no_context_takeover", **_fields(TAKEOVER)
    )

    assert agreed.header == "permessage-deflate; server_no_context_takeover"
    assert agreed.deflate().form is not None


def _fields(options: Deflate) -> dict[str, Any]:
    return {
        "server_no_context_takeover": options.server_no_context_takeover,
        "client_no_context_takeover": options.client_no_context_takeover,
    }


def test_our_window_is_the_smaller_one() -> None:
    offer = "permessage-deflate; server_max_window_bits=12"

    assert agree(offer, server_max_window_bits=10).server_max_window_bits == 10
    assert agree(offer, server_max_window_bits=14).server_max_window_bits == 12
    assert "server_max_window_bits=11" in agree(server_max_window_bits=11).header


def test_the_clients_window_is_set_only_where_it_allows_that() -> None:
    chosen = agree(
        "permessage-deflate; client_max_window_bits", client_max_window_bits=9
    )
    unasked = agree("permessage-deflate", client_max_window_bits=9)

    assert chosen.header.endswith("; client_max_window_bits=9")
    assert "client_max_window_bits" not in unasked.header
    assert unasked.client_max_window_bits == 15


@pytest.mark.parametrize("options", [Deflate(), TAKEOVER])
def test_messages_come_back_whole(options: Deflate) -> None:
    agreed = negotiate("permessage-deflate", options)
    assert agreed is not None
    deflater, inflater = agreed.deflate(), agreed.inflate()
    messages = [b"", b"a" * 5000, b"a" * 5000, b"", bytes(range(256))]

    result = [inflater.message(deflater.message(m), 5000) for m in messages]

    assert result == messages


def test_takeover_makes_a_repeated_message_shorter() -> None:
    text = bytes(range(256)) * 4
    deflater = agree(**_fields(TAKEOVER)).deflate()

    first, second = deflater.message(text), deflater.message(text)

    assert len(second) < len(first) / 2
    assert deflater.form is None


def test_deflaters_of_one_form_give_the_same_frames() -> None:
    one, other = agree().deflate(), agree().deflate()

    assert one.form == other.form
    assert one.frame("x" * 2000) == other.frame("x" * 2000)


def test_short_messages_are_not_compressed() -> None:
    deflater = agree(threshold=10).deflate()

    assert deflater.frame("x" * 9) == frame("x" * 9)
    assert deflater.frame(b"x" * 9) == frame(b"x" * 9)
    assert len(deflater.frame("x" * 100)) < 20


@pytest.mark.parametrize("message", ["é" * 3000, b"\x00" * 3000])
def test_a_reader_understands_what_we_send(message: str | bytes) -> None:
    agreed = agree()
    reader = FrameReader(max_payload=10_000, masked=False, inflate=agreed.inflate())

    assert reader.feed(agreed.deflate().frame(message)) == [message]


def test_a_message_that_grows_beyond_the_limit_is_refused() -> None:
    bomb = agree().deflate().message(bytes(10_000_000))

    with pytest.raises(ProtocolError) as caught:
        Inflater().message(bomb, 1000)

    assert caught.value.code == 1009
    assert len(Inflater().message(bomb, 10_000_000)) == 10_000_000


def test_what_is_not_deflated_is_refused() -> None:
    with pytest.raises(ProtocolError) as caught:
        Inflater().message(b"\xff\xff\xff", 1000)

    assert caught.value.code == 1007


@pytest.mark.parametrize("takeover", [True, False])
def test_a_final_block_starts_the_stream_anew(takeover: bool) -> None:
    inflater = Inflater(takeover=takeover)
    closed = zlib.compressobj(6, zlib.DEFLATED, -15)
    # RFC 7692, 7.2.3.4: a final block is legal, with an empty block behind it.
    final = closed.compress(b"Hello") + closed.flush() + b"\x00"

    assert inflater.message(final, 100) == b"Hello"
    assert inflater.message(agree().deflate().message(b"again"), 100) == b"again"


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        # RFC 7692, 7.2.3.1 to 7.2.3.5.
        ("f248cdc9c90700", b"Hello"),
        ("000500faff48656c6c6f00", b"Hello"),
        ("f348cdc9c9070000", b"Hello"),
        ("f248050000 00ffffcac9c90700", b"Hello"),
    ],
)
def test_the_examples_of_the_rfc(payload: str, message: bytes) -> None:
    assert Inflater().message(bytes.fromhex(payload), 100) == message


def test_a_message_may_refer_to_the_one_before_it() -> None:
    inflater = Inflater(takeover=True)

    inflater.message(bytes.fromhex("f248cdc9c90700"), 100)

    # RFC 7692, 7.2.3.2.
    assert inflater.message(bytes.fromhex("f200110000"), 100) == b"Hello"


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("threshold", -1),
        ("server_max_window_bits", 8),
        ("client_max_window_bits", 16),
        ("level", 0),
        ("level", True),
        ("mem_level", 10),
    ],
)
def test_wrong_options_are_named_at_once(option: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=option):
        Deflate(**{option: value})
