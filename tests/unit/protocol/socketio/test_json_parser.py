from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any, ClassVar

import pytest

from sockio.errors import EncodeError, ProtocolError
from sockio.protocol.socketio import JsonParser, Packet, PacketType

CONNECT = PacketType.CONNECT
DISCONNECT = PacketType.DISCONNECT
EVENT = PacketType.EVENT
ACK = PacketType.ACK
CONNECT_ERROR = PacketType.CONNECT_ERROR

ONE = '{"_placeholder":true,"num":0}'
OTHER = '{"_placeholder":true,"num":1}'


def decode(*frames: str | bytes, **options: Any) -> Packet | None:
    """Feed frames to a new decoder; all but the last must complete nothing."""
    decoder = JsonParser(**options).decoder()
    *first, last = frames
    assert all(decoder.feed(frame) is None for frame in first)
    return decoder.feed(last)


def refusal(*frames: str | bytes) -> str:
    with pytest.raises(ProtocolError) as caught:
        decode(*frames)
    return caught.value.reason


# ------------------------------------------------------------------ both ways


@pytest.mark.parametrize(
    ("packet", "frames"),
    [
        (Packet(CONNECT), ["0"]),
        (Packet(CONNECT, "/admin"), ["0/admin,"]),
        (Packet(CONNECT, "/admin", {"token": "1"}), ['0/admin,{"token":"1"}']),
        (Packet(DISCONNECT), ["1"]),
        (Packet(DISCONNECT, "/admin"), ["1/admin,"]),
        (Packet(EVENT, data=["hello", 1]), ['2["hello",1]']),
        (Packet(EVENT, data=["hello"], id=0), ['20["hello"]']),
        (Packet(EVENT, data=["hello"], id=2**53), ['29007199254740992["hello"]']),
        (Packet(EVENT, "/admin", ["hello"]), ['2/admin,["hello"]']),
        (Packet(EVENT, "/a?b=/c", ["hello"], 12), ['2/a?b=/c,12["hello"]']),
        (Packet(EVENT, data=[5, "n"]), ['2[5,"n"]']),
        (Packet(EVENT, data=[5], id=1), ["21[5]"]),
        (Packet(ACK, data=[], id=3), ["33[]"]),
        (Packet(ACK, "/admin", ["connect"], 456), ['3/admin,456["connect"]']),
        (Packet(CONNECT_ERROR, data="why"), ['4"why"']),
        (Packet(CONNECT_ERROR, "/x", {"message": "no"}), ['4/x,{"message":"no"}']),
        (Packet(EVENT, data=["img", b"\x01"]), [f'51-["img",{ONE}]', b"\x01"]),
        (
            Packet(EVENT, "/admin", ["img", {"a": b"\x01"}, b""], 7),
            [f'52-/admin,7["img",{{"a":{ONE}}},{OTHER}]', b"\x01", b""],
        ),
        (Packet(ACK, "/admin", [b"\x01"], 456), [f"61-/admin,456[{ONE}]", b"\x01"]),
    ],
)
def test_packets_and_their_frames(packet: Packet, frames: list[str | bytes]) -> None:
    assert JsonParser().encode(packet) == frames
    assert decode(*frames) == packet


@pytest.mark.parametrize(
    ("text", "data"),
    [('2["e","\\ud800"]', ["e", "\ud800"]), ('3["\\ud800"]', ["\ud800"])],
)
def test_lone_surrogates_travel_as_escapes(text: str, data: list[str]) -> None:
    packet = decode(text)

    assert packet is not None
    assert packet.data == data
    assert JsonParser().encode(packet) == [text]


# ------------------------------------------------------------------ writing


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (float("nan"), "null"),
        (float("inf"), "null"),
        (2**70, "1180591620717411303424"),
        ({1: 2}, '{"1":2}'),
        ((1, 2), "[1,2]"),
        ("é", '"é"'),
    ],
)
def test_values_are_written_as_javascript_writes_them(value: Any, text: str) -> None:
    assert JsonParser().encode(Packet(EVENT, data=["e", value])) == [f'2["e",{text}]']


def test_the_second_attempt_finds_the_same_attachments() -> None:
    data = ["e", b"a", io.BytesIO(b"file"), "\ud800"]

    frames = JsonParser().encode(Packet(EVENT, data=data))

    assert frames == [f'52-["e",{ONE},{OTHER},"\\ud800"]', b"a", b"file"]


def _nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({1, 2}, "a value of type set cannot be sent"),
        ({(1, 2): 3}, "the data cannot be sent: keys must be"),
        (_nested(100_000), "the data is nested too deep"),
        (io.StringIO(), "a file must be open in binary mode"),
    ],
)
def test_what_cannot_travel_raises_in_the_caller(value: Any, message: str) -> None:
    with pytest.raises(EncodeError, match=message):
        JsonParser().encode(Packet(EVENT, data=["e", value]))


def test_only_events_and_acknowledgements_carry_bytes() -> None:
    with pytest.raises(EncodeError, match="events and acknowledgements only"):
        JsonParser().encode(Packet(CONNECT, data={"a": b""}))


# ------------------------------------------------------------------ reading


@pytest.mark.parametrize(
    ("text", "packet"),
    [
        ("2", Packet(EVENT, data=[])),
        ("25", Packet(EVENT, data=[], id=5)),
        ("2/x,", Packet(EVENT, "/x", [])),
        ("3", Packet(ACK, data=[])),
        ("4", Packet(CONNECT_ERROR)),
        ("0/x", Packet(CONNECT, "/x")),
        ('2/x,0012["e"]', Packet(EVENT, "/x", ["e"], 12)),
        ('2 ["e"]', Packet(EVENT, data=["e"])),
    ],
)
def test_parts_that_may_be_left_out(text: str, packet: Packet) -> None:
    assert decode(text) == packet


def test_a_binary_packet_may_have_no_payload_but_its_attachments_come() -> None:
    assert decode("51-", b"x") == Packet(EVENT, data=[])


def test_one_attachment_may_have_several_places() -> None:
    assert decode(f'51-["e",{ONE},{ONE}]', b"x") == Packet(
        EVENT, data=["e", b"x", b"x"]
    )


def test_attachments_are_bytes_whatever_carried_them() -> None:
    packet = decode(f'51-["e",{ONE}]', bytearray(b"x"))  # type: ignore[arg-type]

    assert packet is not None
    assert type(packet.data[1]) is bytes


def test_what_looks_like_a_placeholder_stays_without_attachments() -> None:
    data = ["e", {"_placeholder": True, "num": 0}]

    [text] = JsonParser().encode(Packet(EVENT, data=data))

    assert decode(text) == Packet(EVENT, data=data)


def test_a_packet_may_be_written_while_another_one_is() -> None:
    parser = JsonParser()

    class File:
        """A file that encodes another packet while it is read."""

        inner: ClassVar[list[str | bytes]] = []

        def read(self) -> bytes:
            self.inner[:] = parser.encode(Packet(EVENT, data=["inner", b"in"]))
            return b"out"

    for _ in range(2):
        outer = parser.encode(Packet(EVENT, data=["outer", File(), b"end"]))

        assert outer[1:] == [b"out", b"end"]
        assert File.inner[1:] == [b"in"]


def test_a_decoder_goes_on_after_a_binary_packet() -> None:
    decoder = JsonParser().decoder()

    for _ in range(2):
        assert decoder.feed(f'51-["e",{ONE}]') is None
        assert decoder.feed(b"x") == Packet(EVENT, data=["e", b"x"])
        assert decoder.feed('2["f"]') == Packet(EVENT, data=["f"])


@pytest.mark.parametrize(
    ("frames", "reason"),
    [
        (["9"], "unknown packet type 9"),
        (["x"], "unknown packet type x"),
        ([""], "unknown packet type "),
        (['2["connect"]'], "invalid payload"),
        (['25["disconnecting"]'], "invalid payload"),
        ([f'51-["connect_error",{ONE}]'], "invalid payload"),
        (["2[]"], "invalid payload"),
        (["2[null]"], "invalid payload"),
        (["21[true]"], "invalid payload"),
        (["2{}"], "invalid payload"),
        (["2[1,"], "invalid payload"),
        (["21[1,"], "invalid payload"),
        (['2["e",NaN]'], "invalid payload"),
        (["2" + "[" * 100_000], "invalid payload"),
        (["3{}"], "invalid payload"),
        (["0[]"], "invalid payload"),
        (["0null"], "invalid payload"),
        (["1{}"], "invalid payload"),
        (["4[]"], "invalid payload"),
        (['50-["x"]'], "Illegal attachments"),
        (['5["x"]'], "Illegal attachments"),
        (['5-["x"]'], "Illegal attachments"),
        (['51["x"]'], "Illegal attachments"),
        (['51.5-["x"]'], "Illegal attachments"),
        (["5" + "1" * 100_000 + '-["x"]'], "Illegal attachments"),
        (['511-["x"]'], "too many attachments"),
        ([f'51-["x",{OTHER}]', b"x"], "illegal attachments"),
        ([b"x"], "got binary data when not reconstructing a packet"),
        (
            ['51-["x"]', '2["z"]'],
            "got plaintext data when reconstructing a packet",
        ),
        (["2/" + "n" * 600], "the namespace is too long"),
        (["2/" + "n" * 600 + ',["e"]'], "the namespace is too long"),
        (['29007199254740993["e"]'], "the id is too large"),
        (["2" + "1" * 100_000 + '["e"]'], "the id is too large"),
    ],
)
def test_what_a_client_must_not_send(frames: list[str | bytes], reason: str) -> None:
    assert refusal(*frames) == reason


def test_the_longest_namespace() -> None:
    nsp = "/" + "n" * 511

    assert decode(f'2{nsp},["e"]') == Packet(EVENT, nsp, ["e"])
    assert decode(f"0{nsp}") == Packet(CONNECT, nsp)
    assert decode(f"0{nsp},") == Packet(CONNECT, nsp)


def test_more_attachments_may_be_allowed() -> None:
    packet = decode('511-["x"]', *[b""] * 11, max_attachments=11)

    assert packet == Packet(EVENT, data=["x"])


# ------------------------------------------------------------------ another JSON


class Decimals:
    """The standard library with a twist, and bytes as output."""

    def dumps(self, value: Any, *, default: Callable[[Any], Any]) -> bytes:
        return json.dumps(value, default=default).encode()

    def loads(self, text: str) -> Any:
        return json.loads(text, parse_float=str)


def test_another_json_library_is_used_both_ways() -> None:
    parser = JsonParser(Decimals())

    assert parser.encode(Packet(EVENT, data=["e", 1])) == ['2["e", 1]']
    assert parser.decoder().feed('2["e",1.50]') == Packet(EVENT, data=["e", "1.50"])


def test_the_module_of_the_standard_library_fits() -> None:
    parser = JsonParser(json)

    frames = parser.encode(Packet(EVENT, data=["e", b"x"]))

    decoder = parser.decoder()
    assert [decoder.feed(frame) for frame in frames][-1] == (2, "/", ["e", b"x"], None)


def test_what_another_library_refuses_is_refused() -> None:
    parser = JsonParser(json)

    with pytest.raises(EncodeError, match="keys must be"):
        parser.encode(Packet(EVENT, data=["e", {(1, 2): 3}]))
    with pytest.raises(EncodeError, match="set cannot be sent"):
        parser.encode(Packet(EVENT, data=["e", {1}]))
    for text in ("2[", "25[", "2" + "[" * 100_000):
        with pytest.raises(ProtocolError, match="invalid payload"):
            parser.decoder().feed(text)
