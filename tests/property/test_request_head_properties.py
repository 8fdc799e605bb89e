"""Any bytes are a request's head or a ValueError, and a head is understood one way."""

from __future__ import annotations

import io

from hypothesis import example, given
from hypothesis import strategies as st

from sockio.engine.http.request_head import (
    MAX_LINE,
    body_length,
    parse_request_line,
    read_headers,
)

TOKENS = st.from_regex(r"[!#$%&'*+.^`|~0-9A-Za-z-]{1,20}", fullmatch=True)
VALUES = st.text(
    st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_characters="\x7f"),
    max_size=30,
).map(lambda text: text.strip(" \t"))


@given(st.binary(max_size=200))
@example(b"A: b\r\n")
@example(b"A: b\r\n\r\n")
@example(b": b\r\n\r\n")
@example(b"A" * MAX_LINE + b"\r\n\r\n")
def test_headers_are_fields_or_a_value_error(data: bytes) -> None:
    try:
        fields = read_headers(io.BytesIO(data).readline)
        length = body_length(fields)
    except ValueError:
        return
    assert all(name.isupper() or not name.isalpha() for name in fields)
    assert not any("\r" in value or "\n" in value for value in fields.values())
    assert length is None or length >= 0


@given(st.text(st.characters(max_codepoint=0xFF), max_size=60))
@example("GET / HTTP/1.1\r\n")
@example("GET  / HTTP/1.1\r\n")
def test_a_first_line_has_three_words_or_is_refused(line: str) -> None:
    try:
        parsed = parse_request_line(line)
    except ValueError:
        return
    assert " ".join(parsed) == line.rstrip("\r\n")
    assert parsed.version in ("HTTP/1.1", "HTTP/1.0")


@given(st.lists(st.tuples(TOKENS, VALUES), max_size=20), st.binary(max_size=20))
def test_well_formed_headers_come_out_and_nothing_behind_is_read(
    headers: list[tuple[str, str]], body: bytes
) -> None:
    headers = [(f"X-{name}", value) for name, value in headers]
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers)
    stream = io.BytesIO(lines.encode("latin-1") + b"\r\n" + body)

    fields = read_headers(stream.readline)

    expected: dict[str, list[str]] = {}
    for name, value in headers:
        key = "HTTP_" + name.upper().replace("-", "_")
        expected.setdefault(key, []).append(value)
    assert fields == {key: ", ".join(values) for key, values in expected.items()}
    assert stream.read() == body
