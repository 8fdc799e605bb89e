"""Any bytes are a request's head or a ValueError, in however many pieces they come."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from sockio.httpd.options import HttpOptions
from sockio.httpd.request_head import Headers, HeadReader, Refused
from sockio.httpd.request_target import parse_request_line
from tests.support.http_cases import REFUSED, SERVED

MAX_LINE = 100
LIMITS = HttpOptions(max_line=MAX_LINE)

TOKENS = st.from_regex(r"[!#$%&'*+.^`|~0-9A-Za-z-]{1,20}", fullmatch=True)
VALUES = st.text(
    st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_characters="\x7f"),
    max_size=30,
).map(lambda text: text.strip(" \t"))


@given(st.binary(max_size=200))
@example(b"A: b")
@example(b"A: b\r\n")
@example(b": b")
@example(b"A: " + b"b" * MAX_LINE)
def test_headers_are_fields_or_a_value_error(data: bytes) -> None:
    try:
        headers = Headers(data, LIMITS)
    except ValueError:
        return
    fields, length = headers.fields, headers.length
    assert all(name.isupper() or not name.isalpha() for name in fields)
    assert not any("\r" in value or "\n" in value for value in fields.values())
    assert length is None or length >= 0


@given(st.text(st.characters(max_codepoint=0xFF), max_size=60))
@example("GET / HTTP/1.1")
@example("GET  / HTTP/1.1")
@example("GET /\x7f HTTP/1.1")
@example("GET x?y=http://h/admin HTTP/1.1")
@example("OPTIONS * HTTP/1.0")
@example("CONNECT a:1 HTTP/1.1")
@example("GET http://h?q HTTP/1.1")
def test_a_first_line_has_three_words_or_is_refused(line: str) -> None:
    parsed = parse_request_line(line.encode("latin-1"))
    if parsed is None:
        return
    assert f"{parsed.method} {parsed.target} {parsed.version}" == line
    assert parsed.version in ("HTTP/1.1", "HTTP/1.0")
    assert parsed.path.startswith("/") or parsed.method in ("OPTIONS", "CONNECT")
    assert not set(line) & set(map(chr, (*range(32), *range(127, 256))))


@given(st.lists(st.tuples(TOKENS, VALUES), max_size=20))
def test_well_formed_headers_come_out(headers: list[tuple[str, str]]) -> None:
    headers = [(f"X-{name}", value) for name, value in headers]
    lines = [f"{name}: {value}" for name, value in headers]

    fields = Headers("\r\n".join(lines).encode("latin-1"), LIMITS).fields

    expected: dict[str, list[str]] = {}
    for name, value in headers:
        key = "HTTP_" + name.upper().replace("-", "_")
        expected.setdefault(key, []).append(value)
    assert fields == {key: ", ".join(values) for key, values in expected.items()}


#: Some requests exceed these limits. In each, bytes are left out and put in.
OPTIONS = HttpOptions(max_line=40, max_head=90)
requests = st.sampled_from([data for data, _ in (*SERVED.values(), *REFUSED.values())])
damaged = st.builds(
    lambda data, at, dropped, put: data[:at] + put + data[at + dropped :],
    requests,
    st.integers(0, 120),
    st.integers(0, 2),
    st.sampled_from([b"", b"\r", b"\n", b"\r\n", b"\0", b" ", b"a" * 30, b"A: b\r\n"]),
)


def outcome(pieces: list[bytes]) -> object:
    """Return how a head is understood, or the answer that refuses it."""
    heads = HeadReader(OPTIONS)
    data = b""
    for piece in pieces:
        data += piece
        try:
            headers = heads.read(data)
            if headers is not None:
                return heads.request_line(data), headers.fields, heads.size
        except Refused as exc:
            return exc.status, exc.option
    return "more has to come"


@given(damaged)
@example(b"GET / HTTP/1.1\r\nHost: a\r\nA: " + b"b" * 36 + b"\r\nC: d\r\n\r\n")
@example(b"GET /aaaaaaaaaaaaaaaaaaaaaaaaaa HTTP/1.1\r\n\r\n")
@example(b"GET /" + b"a" * 35 + b"\r\r\n\r\n")
@example(b"GET /" + b"a" * 36 + b"\r\n\r\n")
@example(b"GET /" + b"a" * 36 + b"\0\n\r\n")
def test_pieces_do_not_matter(data: bytes) -> None:
    whole = outcome([data])

    assert outcome([data[i : i + 1] for i in range(len(data))]) == whole
    for at in range(1, len(data)):
        assert outcome([data[:at], data[at:]]) == whole
