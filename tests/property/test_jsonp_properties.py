from __future__ import annotations

import json
import re

from hypothesis import assume, given
from hypothesis import strategies as st

from sockio.engine.transports.jsonp import payload_of, script


@given(st.text())
def test_a_script_carries_any_payload(payload: str) -> None:
    found = re.fullmatch(r"___eio\[7\]\((.*)\);", script("7", payload))

    assert found is not None
    assert "\u2028" not in found[1]
    assert json.loads(found[1]) == payload


def written(payload: str) -> str:
    """Write a payload into a form the way the official client does."""
    return payload.replace("\\n", "\\\n").replace("\n", "\\n")


@given(st.text(st.sampled_from("a\\n\n")))
def test_what_a_client_writes_is_read(payload: str) -> None:
    # The client writes a newline behind a backslash as if it were two other characters;
    # no message has one there, since JSON escapes it.
    assume("\\\n" not in payload)

    data = written(payload).replace("\\", "%5C")

    assert payload_of("d=" + data) == payload
