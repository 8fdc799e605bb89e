"""HTTP cases: requests as bytes, and what a strict server makes of them.

Spec: RFC 9112; RFC 9110. If Node or gunicorn refuse the same request, the status is
theirs.
"""

from __future__ import annotations

from typing import NamedTuple

HOST = b"Host: test\r\n"
GET = b"GET / HTTP/1.1\r\n" + HOST
POST = b"POST / HTTP/1.1\r\n" + HOST
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
NEXT = b"GET /next HTTP/1.1\r\n" + HOST + b"\r\n"


class Heard(NamedTuple):
    """What an application gets of a request."""

    method: str = "GET"
    path: str = "/"
    query: str = ""
    host: str | None = "test"
    body: str = ""


def to(target: bytes) -> bytes:
    """Return a request for a target."""
    return b"GET " + target + b" HTTP/1.1\r\n" + HOST + b"\r\n"


def asked(value: bytes, version: bytes = b"1.1") -> bytes:
    """Return a request for a host."""
    return b"GET / HTTP/" + version + b"\r\nHost: " + value + b"\r\n\r\n"


POSTED = Heard("POST", body="a")

#: What is served: the requests, and what an application gets of each.
SERVED: dict[str, tuple[bytes, list[Heard]]] = {
    "plain": (GET + b"\r\n", [Heard()]),
    "two": (GET + b"\r\n" + NEXT, [Heard(), Heard(path="/next")]),
    "empty lines before": (b"\r\n\r\n" + GET + b"\r\n", [Heard()]),
    "no host in 1.0": (b"GET / HTTP/1.0\r\n\r\n", [Heard(host=None)]),
    "empty host": (asked(b""), [Heard(host="")]),
    "host and port": (asked(b"a-b.c_d:80"), [Heard(host="a-b.c_d:80")]),
    "host and empty port": (asked(b"a:"), [Heard(host="a:")]),
    "host that is escaped": (asked(b"a%C3%A9"), [Heard(host="a%C3%A9")]),
    "IPv6": (asked(b"[::ffff:1.2.3.4]:80"), [Heard(host="[::ffff:1.2.3.4]:80")]),
    "future IP": (asked(b"[v1.a:b]"), [Heard(host="[v1.a:b]")]),
    "query": (to(b"/a%20b/%C3%A9?c=%20&d?/"), [Heard("GET", "/a b/é", "c=%20&d?/")]),
    "empty query": (to(b"/a?"), [Heard(path="/a")]),
    "URL in query": (to(b"/x?y=http://h/z"), [Heard(path="/x", query="y=http://h/z")]),
    "unescaped": (
        to(b'/"<>\\^`{|}?"<>\\^`{|}'),
        [Heard("GET", '/"<>\\^`{|}', '"<>\\^`{|}')],
    ),
    "half an escape": (to(b"/%zz%"), [Heard(path="/%zz%")]),
    "two slashes": (to(b"//h/p"), [Heard(path="//h/p")]),
    "absolute": (to(b"http://h:1/p?q"), [Heard("GET", "/p", "q", "h:1")]),
    "absolute in capitals": (to(b"HTTPS://H/p"), [Heard(path="/p", host="H")]),
    "absolute without path": (to(b"http://h"), [Heard(host="h")]),
    "absolute with query alone": (to(b"http://h?/a"), [Heard(query="/a", host="h")]),
    "absolute for a WebSocket": (to(b"ws://h/p"), [Heard(path="/p", host="h")]),
    "absolute in 1.0": (
        b"GET http://h/p HTTP/1.0\r\n\r\n",
        [Heard(path="/p", host="h")],
    ),
    "server": (
        b"OPTIONS * HTTP/1.1\r\n" + HOST + b"\r\n",
        [Heard("OPTIONS", path="")],
    ),
    "values": (GET + b"A: b\tc \xff\r\nB:\r\nC:  \t \r\n\r\n", [Heard()]),
    "underscore": (GET + b"Content_Length: 5\r\n\r\n", [Heard()]),
    "length": (
        POST + b"Content-Length: 1\r\n\r\na" + NEXT,
        [POSTED, Heard(path="/next")],
    ),
    "zeros": (POST + b"Content-Length: 0001\r\n\r\na", [POSTED]),
    "length 0": (POST + b"Content-Length: 0\r\n\r\n", [Heard("POST")]),
    "body in 1.0": (
        b"POST / HTTP/1.0\r\nContent-Length: 1\r\n\r\na",
        [Heard("POST", host=None, body="a")],
    ),
    "chunks": (
        CHUNKED + b"1\r\na\r\n00A\r\n0123456789\r\n0\r\n\r\n" + NEXT,
        [Heard("POST", body="a0123456789"), Heard(path="/next")],
    ),
    "chunked in capitals": (
        POST + b"Transfer-Encoding: CHUNKED\r\n\r\n1\r\na\r\n0\r\n\r\n",
        [POSTED],
    ),
    "chunks of a GET": (
        GET + b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
        [Heard(body="a")],
    ),
    "no chunks": (CHUNKED + b"0\r\n\r\n" + NEXT, [Heard("POST"), Heard(path="/next")]),
    "many zeros": (CHUNKED + b"0" * 30 + b"1\r\na\r\n0\r\n\r\n", [POSTED]),
    "extensions": (
        CHUNKED + b'1;a;b=c;d="e;\\"\xff\t"\r\na\r\n0;f=g\r\n\r\n',
        [POSTED],
    ),
    "extensions with blanks": (CHUNKED + b"1 ; a\t=\tb\r\na\r\n0\r\n\r\n", [POSTED]),
    "trailers": (
        CHUNKED + b"1\r\na\r\n0\r\nA: b\r\nC:\r\n\r\n" + NEXT,
        [POSTED, Heard(path="/next")],
    ),
    "leave to send": (
        POST + b"Content-Length: 1\r\nExpect: 100-Continue\r\n\r\na" + NEXT,
        [POSTED, Heard(path="/next")],
    ),
    "leave to send chunks": (
        POST
        + b"Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n"
        + b"1\r\na\r\n0\r\n\r\n"
        + NEXT,
        [POSTED, Heard(path="/next")],
    ),
    "leave to send nothing": (
        POST + b"Content-Length: 0\r\nExpect: 100-continue\r\n\r\n" + NEXT,
        [Heard("POST"), Heard(path="/next")],
    ),
    "leave without a body": (
        GET + b"Expect: 100-continue, 100-continue\r\n\r\n" + NEXT,
        [Heard(), Heard(path="/next")],
    ),
    "expectations in 1.0": (
        b"POST / HTTP/1.0\r\nContent-Length: 1\r\nExpect: x\r\n\r\na",
        [Heard("POST", host=None, body="a")],
    ),
}

BAD, TUNNEL, UNKNOWN = "400 Bad Request", "501 Not Implemented", "501 Not Implemented"

#: What is refused; tests add a second request, which must not be served.
REFUSED: dict[str, tuple[bytes, str]] = {
    # The first line.
    "nonsense": (b"nonsense\r\n", BAD),
    "HTTP 0.9": (b"GET /\r\n", BAD),
    "HTTP 2": (b"PRI * HTTP/2.0\r\n", BAD),
    "HTTP 1.2": (b"GET / HTTP/1.2\r\n", BAD),
    "HTTP 1.10": (b"GET / HTTP/1.10\r\n", BAD),
    "http 1.1": (b"GET / http/1.1\r\n", BAD),
    "two blanks": (b"GET  / HTTP/1.1\r\n", BAD),
    "blank in front": (b" GET / HTTP/1.1\r\n", BAD),
    "blank behind": (b"GET / HTTP/1.1 \r\n", BAD),
    "tabs": (b"GET\t/\tHTTP/1.1\r\n", BAD),
    "method that is no token": (b"G\xffT / HTTP/1.1\r\n", BAD),
    "TLS": (b"\x16\x03\x01\x02", BAD),
    # Lines.
    "line feeds before": (b"\n\n" + GET, BAD),
    "carriage return before": (b"\r" + GET, BAD),
    "carriage returns before": (b"\r\r\n" + GET, BAD),
    "line feed": (b"GET / HTTP/1.1\n", BAD),
    "line feeds": (b"GET / HTTP/1.1\nHost: test\n\n", BAD),
    "line feed behind a header": (b"GET / HTTP/1.1\r\nHost: test\n", BAD),
    "line feed at the end": (GET + b"\n", BAD),
    "carriage return at the end": (GET + b"\r\r\n", BAD),
    "carriage returns": (b"GET / HTTP/1.1\r\nHost: test\r\r\n", BAD),
    # Targets.
    "NUL in the target": (b"GET /a\0b", BAD),
    "control in the target": (b"GET /a\x01b", BAD),
    "DEL in the target": (b"GET /a\x7fb", BAD),
    "tab in the target": (to(b"/a\tb"), BAD),
    "no ASCII in the target": (to(b"/\xe9"), BAD),
    "no ASCII in the query": (to(b"/?\xe9"), BAD),
    "fragment": (to(b"/a#b"), BAD),
    "fragment of a query": (to(b"/?a#b"), BAD),
    "no slash": (to(b"x"), BAD),
    "no slash, but a URL": (to(b"x?y=http://h/admin"), BAD),
    "query alone": (to(b"?a"), BAD),
    "star": (to(b"*"), BAD),
    "host as target": (to(b"h:80"), BAD),
    "absolute without host": (to(b"http:///p"), BAD),
    "absolute with port alone": (to(b"http://:80/p"), BAD),
    "absolute with a name": (to(b"http://u@h/p"), BAD),
    "absolute with a bad host": (to(b"http://a[b/p"), BAD),
    "another scheme": (to(b"ftp://h/p"), BAD),
    "no URL": (to(b"http:/h/p"), BAD),
    "absolute, but no Host": (b"GET http://h/p HTTP/1.1\r\n\r\n", BAD),
    "tunnel": (b"CONNECT h:80 HTTP/1.1\r\nHost: h:80\r\n\r\n", TUNNEL),
    "tunnel without port": (b"CONNECT h HTTP/1.1\r\nHost: h\r\n\r\n", BAD),
    "tunnel to a path": (b"CONNECT / HTTP/1.1\r\nHost: h\r\n\r\n", TUNNEL),
    # Hosts.
    "no host": (b"GET / HTTP/1.1\r\n\r\n", BAD),
    "two hosts": (GET + HOST, BAD),
    "two hosts in 1.0": (b"GET / HTTP/1.0\r\n" + HOST + HOST, BAD),
    **{
        f"host {host!r}": (asked(host), BAD)
        for host in (
            b"a/b",
            b"a b",
            b"u@h",
            b"a:b",
            b"a:1:2",
            b"::1",
            b"[::1",
            b"[zz]",
            b"[::::]",
            b"[::1]x",
            b"a?b",
            b"a#b",
            b"a\\b",
            b"a%2",
            b"\xe9",
        )
    },
    "bad host in 1.0": (asked(b"a/b", b"1.0"), BAD),
    # Headers.
    "no colon": (GET + b"no colon\r\n", BAD),
    "blank before the colon": (GET + b"A : b\r\n", BAD),
    "tab before the colon": (GET + b"A\t: b\r\n", BAD),
    "no name": (GET + b": b\r\n", BAD),
    "bracket in the name": (GET + b"A(: b\r\n", BAD),
    "no ASCII in the name": (GET + b"\xe9: b\r\n", BAD),
    "folded": (GET + b"A: b\r\n c\r\n", BAD),
    "folded at first": (b"GET / HTTP/1.1\r\n " + HOST, BAD),
    "NUL in a value": (GET + b"A: b\0c", BAD),
    "control in a value": (GET + b"A: b\x01c", BAD),
    "DEL in a value": (GET + b"A: b\x7fc", BAD),
    "carriage return in a value": (GET + b"A: b\rc", BAD),
    "vertical tab around a value": (GET + b"A: \x0bb\r\n", BAD),
    "underscore and control": (GET + b"A_B: \x01\r\n", BAD),
    "two types": (POST + b"Content-Type: a\r\nContent-Type: a\r\n", BAD),
    # Lengths.
    **{
        f"length {length!r}": (POST + b"Content-Length: " + length + b"\r\n\r\na", BAD)
        for length in (
            b"",
            b"+1",
            b"-1",
            b"0x1",
            b"1_0",
            b"1 0",
            b"1, 1",
            b"\xb2",
            b"9" * 19,
        )
    },
    "two lengths": (POST + b"Content-Length: 1\r\n" * 2, BAD),
    **{
        f"coding {coding!r}": (
            POST + b"Transfer-Encoding: " + coding + b"\r\n\r\n1\r\na\r\n0\r\n\r\n",
            status,
        )
        for coding, status in (
            (b"", BAD),
            (b"gzip", BAD),
            (b"identity", BAD),
            (b"xchunked", BAD),
            (b"chunked;q=1", BAD),
            (b'"chunked"', BAD),
            (b"\x0bchunked", BAD),
            (b"chunked, gzip", BAD),
            (b"chunked, chunked", BAD),
            (b"chunked,", BAD),
            (b"gzip, chunked", UNKNOWN),
        )
    },
    "two codings": (POST + b"Transfer-Encoding: chunked\r\n" * 2, BAD),
    "coding and length": (
        POST + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        BAD,
    ),
    "length and coding": (
        POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        BAD,
    ),
    "chunked in 1.0": (b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n", BAD),
    # Expectations.
    **{
        f"expectation {value!r}": (
            POST + b"Content-Length: 1\r\nExpect: " + value + b"\r\n\r\na",
            "417 Expectation Failed",
        )
        for value in (b"x", b"", b"100-continue, x", b"100-continue;a=b", b"200-ok")
    },
    # Chunks.
    **{
        f"chunks {chunks!r}": (CHUNKED + chunks, BAD)
        for chunks in (
            b"\r\na\r\n",
            b"zz\r\n",
            b"+1\r\na\r\n",
            b"-1\r\na\r\n",
            b"0x1\r\na\r\n",
            b"1_0\r\na\r\n",
            b" 1\r\na\r\n",
            b"1 \r\na\r\n",
            b"1\t\r\na\r\n",
            b"1\na\r\n",
            b"1\r\na\n",
            b"1\r\na\r\n0\n",
            b"1\r\na\r\n0\r\n\n",
            b"1\r\nab\r\n",
            b"1\r\na\rb",
            b"1" * 16 + b"\r\n",
            b"1;\r\na\r\n",
            b"1;a=\r\na\r\n",
            b"1;=a\r\na\r\n",
            b"1;a b\r\na\r\n",
            b"1;a=b;\r\na\r\n",
            b'1;a="b\r\na\r\n',
            b"1;a=\0\r\na\r\n",
            b"1;a=\x01\r\na\r\n",
            b"1;a=\xe9\r\na\r\n",
            b"1;a=\nb\r\na\r\n",
            b"1;a=\rb\r\na\r\n",
        )
    },
    # Trailers.
    **{
        f"trailer {trailer!r}": (CHUNKED + b"1\r\na\r\n0\r\n" + trailer, BAD)
        for trailer in (
            b"no colon\r\n",
            b"A : b\r\n",
            b": b\r\n",
            b"A: b\n",
            b"A: b\r\n c\r\n",
            b"A: \x01\r\n",
            b"A: b\rc\r\n",
            b"Content-Length: 5\r\n",
            b"Transfer-Encoding: chunked\r\n",
            b"Host: test\r\n",
            b"Authorization: x\r\n",
            b"Trailer: x\r\n",
        )
    },
}
