from __future__ import annotations

from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from sockio.engine.http.request import Request
from sockio.engine.options import EngineOptions
from sockio.engine.verify import MESSAGES, verify
from sockio.runtime.surroundings import Surroundings


class Session(NamedTuple):
    transport_name: str
    protocol: int


SESSIONS = {"a": Session("polling", 4), "b": Session("websocket", 4)}
OPTIONS = EngineOptions(check_origin=True, cors=["https://partner.example"])

native = st.text(st.characters(max_codepoint=255), max_size=30)
values = st.sampled_from(["polling", "websocket", "4", "3", "a", "b", ""]) | native
queries = (
    st.lists(
        st.tuples(st.sampled_from(["EIO", "transport", "sid"]) | native, values)
    ).map(lambda fields: "&".join("=".join(field) for field in fields))
) | native
environs = st.fixed_dictionaries(
    {"REQUEST_METHOD": st.sampled_from(["GET", "POST", "OPTIONS"]) | native},
    optional={
        "PATH_INFO": native,
        "QUERY_STRING": queries,
        "HTTP_HOST": native,
        "HTTP_ORIGIN": st.just("https://partner.example") | native,
        "HTTP_UPGRADE": st.just("websocket") | native,
        "HTTP_CONNECTION": st.just("Upgrade") | native,
        "HTTP_X_FORWARDED_PROTO": native,
    },
)


@given(environs)
def test_every_request_gets_a_verdict(environ: dict[str, str]) -> None:
    refusal = verify(Request(environ), SESSIONS, OPTIONS, Surroundings())

    assert refusal is None or refusal.code in MESSAGES
