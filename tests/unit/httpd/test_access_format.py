from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from gunicorn.glogging import Logger, SafeAtoms

from sockio.errors import ConfigError
from sockio.httpd.access_format import COMBINED, AccessFormat, Answered, header_lines
from sockio.httpd.response_head import ResponseHead
from tests.support.gunicorn_worker import Quiet, config

ENVIRON = {
    "REMOTE_ADDR": "192.0.2.1",
    "REQUEST_METHOD": "GET",
    "RAW_URI": "/a%20b?c=d&e",
    "PATH_INFO": "/a b",
    "QUERY_STRING": "c=d&e",
    "SERVER_PROTOCOL": "HTTP/1.1",
    "HTTP_REFERER": "https://example.org/",
    "HTTP_USER_AGENT": 'the "best" agent',
    "HTTP_X_FORWARDED_FOR": "198.51.100.7",
    "HTTP_AUTHORIZATION": "Basic YW5uOnNlY3JldA==",
    "CONTENT_TYPE": "text/plain",
    "CONTENT_LENGTH": "5",
    "wsgi.url_scheme": "https",
}
#: The same, as gunicorn knows them.
HEADERS = [
    ("REFERER", "https://example.org/"),
    ("USER-AGENT", 'the "best" agent'),
    ("X-FORWARDED-FOR", "198.51.100.7"),
    ("CONTENT-TYPE", "text/plain"),
    ("CONTENT-LENGTH", "5"),
]


def answered(seconds: float = 2.5, **environ: str) -> Answered:
    head = ResponseHead("200 OK", [("X-Answer", "yes: no"), ("Content-Length", "7")])
    return Answered({**ENVIRON, **environ}, head, 7, seconds)


class Response:
    """An answer, as gunicorn knows it."""

    def __init__(self, answered: Answered) -> None:
        assert answered.head is not None
        self.status = answered.head.status
        self.sent = answered.sent
        self.headers = header_lines(answered.head)


@pytest.mark.parametrize(
    "atom",
    [
        *"hlurmUqHsBbfaTDMLp",
        "{X-Forwarded-For}i",
        "{user-agent}i",
        "{content-type}i",
        "{Content-Length}i",
        "{missing}i",
        "{X-Answer}o",
        "{missing}o",
        "{WSGI.url_scheme}e",
        "{missing}e",
    ],
)
@pytest.mark.parametrize("seconds", [0.0, 0.1234567, 2.5, 61.0])
def test_an_atom_is_that_of_gunicorn(atom: str, seconds: float) -> None:
    about = answered(seconds)
    logger: Logger = Quiet(config())
    request: Any = HEADERS
    taken = timedelta(seconds=seconds)
    atoms = SafeAtoms(logger.atoms(Response(about), request, about.environ, taken))

    assert AccessFormat(f"%({atom})s").line(about) == f"%({atom})s" % atoms


def test_the_format_is_gunicorns_if_none_is_given() -> None:
    assert config().access_log_format == COMBINED


def test_the_time_is_that_of_apache() -> None:
    line = AccessFormat("%(t)s").line(answered())

    assert re.fullmatch(
        r"\[\d\d/[A-Z][a-z][a-z]/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\]", line
    )


def test_numbers_may_be_formatted() -> None:
    line = AccessFormat("%(s)s took %(M)06d ms, 100%%").line(answered())

    assert line == "200 took 002500 ms, 100%"


def test_who_got_no_answer_has_no_status() -> None:
    about = answered()._replace(head=None, sent=0)

    line = AccessFormat("%(s)s %(b)s %({x-answer}o)s").line(about)

    assert line == "000 0 -"


@pytest.mark.parametrize(
    "text",
    ["%(r)s", "%(q)s", "%({raw_uri}e)s", "%({query_string}e)s", COMBINED],
)
def test_the_id_of_a_session_is_in_no_line(text: str) -> None:
    target = "transport=polling&sid=secret"
    about = answered(RAW_URI=f"/socket.io/?{target}", QUERY_STRING=target)

    line = AccessFormat(text).line(about)

    assert "secret" not in line
    assert "sid=***" in line


@pytest.mark.parametrize("key", ["HTTP_USER_AGENT", "HTTP_REFERER", "PATH_INFO"])
def test_a_client_cannot_leave_its_line_or_its_quotes(key: str) -> None:
    evil = 'evil" 200\r\n\x1b[2J\u202e'
    about = answered()._replace(environ={**ENVIRON, key: evil})

    line = AccessFormat('"%(f)s" "%(a)s" "%(U)s"').line(about)

    assert line.isprintable()
    assert 'evil\\" 200\\r\\n\\x1b[2J' in line


@pytest.mark.parametrize(
    "header",
    ["", "Bearer abc", "Basic", "Basic %%%", "Basic /w==", "Basic w6Q"],
)
def test_credentials_that_are_none_name_nobody(header: str) -> None:
    assert AccessFormat("%(u)s").line(answered(HTTP_AUTHORIZATION=header)) == "-"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("%(x)s", r"%\(x\)s, which is unknown: give one of h, l, u"),
        ("%({cookie}x)s", "which is unknown"),
        ("%h %l", "write atoms as %\\(h\\)s, and a percent sign as %%"),
        ("100 % of %(h)s", "percent sign as %%"),
        ("%(h", "incomplete format key"),
        ("a line", "has no atoms"),
        ("", "has no atoms"),
        (5, "give text like"),
    ],
)
def test_a_wrong_format_is_refused(text: Any, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        AccessFormat(text)
