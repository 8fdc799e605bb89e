"""Any bytes are a request's head or a ValueError, and a head is understood one way."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from sockio.engine.http.request_head import Headers
from sockio.engine.http.request_target import parse_request_line

MAX_LINE = 100

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
        headers = Headers(data, MAX_LINE)
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

    fields = Headers("\r\n".join(lines).encode("latin-1"), MAX_LINE).fields

    expected: dict[str, list[str]] = {}
    for name, value in headers:
        key = "HTTP_" + name.upper().replace("-", "_")
        expected.setdefault(key, []).append(value)
    assert fields == {key: ", ".join(values) for key, values in expected.items()}
