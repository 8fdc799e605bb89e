"""A chunked body is the same in however many pieces it arrives; so is any refusal."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from sockio.httpd.chunks import Chunks
from sockio.httpd.options import HttpOptions
from sockio.httpd.request_head import Refused

OPTIONS = HttpOptions(max_line=20, max_head=40)
bits = st.sampled_from(
    [b"0", b"1", b"3", b"\r\n", b"\r", b"\n", b";a", b'="', b'"', b"A: b", b"a", b" "]
)
streams = st.lists(bits | st.binary(max_size=3), max_size=30).map(b"".join)
written = st.lists(st.binary(min_size=1, max_size=40), max_size=6)


def outcome(pieces: list[bytes]) -> tuple[bytes, str, bytes]:
    """Return the body, how it ends, and what comes after it."""
    chunks = Chunks(OPTIONS)
    body = b""
    for number, piece in enumerate(pieces):
        chunks.feed(piece)
        try:
            while part := chunks.take():
                body += part
        except Refused as exc:
            return body, exc.status, b""
        if chunks.ended:
            return body, "ended", chunks.rest + b"".join(pieces[number + 1 :])
    return body, "hungry", b""


@given(streams)
@example(b"1\r\na\r\n0\r\nA: b\r\n\r\n1")
@example(b"0\r\n" + b"A: b\r\n" * 9)
@example(b"0\r\nA: " + b"b" * 30)
@example(b"1\r\nab")
def test_pieces_do_not_matter(data: bytes) -> None:
    whole = outcome([data])

    assert outcome([data[i : i + 1] for i in range(len(data))]) == whole
    for at in range(len(data)):
        assert outcome([data[:at], data[at:]]) == whole


@given(written, st.binary(max_size=5))
def test_what_was_written_is_read(parts: list[bytes], behind: bytes) -> None:
    chunks = [b"%x\r\n%b\r\n" % (len(part), part) for part in parts]
    data = b"".join([*chunks, b"0\r\n\r\n", behind])

    assert outcome([data]) == (b"".join(parts), "ended", behind)
