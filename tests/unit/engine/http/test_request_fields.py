from __future__ import annotations

from sockio.engine.http.request import Request
from sockio.engine.http.request_fields import about


def request(**environ: str) -> Request:
    return Request({"REQUEST_METHOD": "GET", "PATH_INFO": "/", **environ})


def test_transport_and_address_are_known() -> None:
    known = about(request(QUERY_STRING="transport=polling", REMOTE_ADDR="192.0.2.7"))

    assert known == {"transport": "polling", "address": "192.0.2.7"}


def test_a_client_on_a_unix_socket_has_no_address() -> None:
    assert about(request(QUERY_STRING="")) == {"transport": None, "address": None}
