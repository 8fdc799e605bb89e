from __future__ import annotations

import json
import re
from urllib.parse import unquote_plus

from hypothesis import assume, example, given
from hypothesis import strategies as st

from sockio.engine.transports.jsonp import payload_of, script


@given(st.text())
def test_a_script_carries_any_payload(payload: str) -> None:
    found = re.fullmatch(r"___eio\[7\]\((.*)\);", script("7", payload))

    assert found is not None
    assert "\u2028" not in found[1]
    assert json.loads(found[1]) == payload


def written(payload: str) -> str:
    """Return a payload as a form, as the official client writes it."""
    return payload.replace("\\n", "\\\n").replace("\n", "\\n")


@given(st.text(st.sampled_from("a\\n\n")))
def test_what_a_client_writes_is_read(payload: str) -> None:
    # The client writes a backslash and a newline in the same way as a backslash and an
    # n; no message has the former, since JSON escapes newlines.
    assume("\\\n" not in payload)

    data = written(payload).replace("\\", "%5C")

    assert payload_of("d=" + data) == payload


def read_plainly(form: str) -> str | None:
    """Read a form in a plain, slow way."""
    fields = [field.partition("=") for field in form.split("&")]
    found = [value for name, _, value in fields if unquote_plus(name) == "d"]
    if len(found) != 1:
        return None
    # A backslash and an n, and the backslash in front of them, if there is one.
    return re.sub(
        r"(\\)?\\n",
        lambda newline: "\\n" if newline[1] else "\n",
        unquote_plus(found[0]),
    )


pieces = st.sampled_from(
    [
        "d",
        "=",
        "&",
        "%64",
        "%",
        "64",
        "%5C",
        "\\",
        "n",
        "+",
        "é",
        "%C3",
        "%A9",
        "D",
        "x",
    ]
)


@given(st.lists(pieces, max_size=12).map("".join))
@example("&&d=&")
@example("d&d")
@example("d=1&%64")
@example("d=\\\\\\n")
@example("d=%C3é%E2%82é%")
def test_a_form_is_read_as_one_reads_it(form: str) -> None:
    assert payload_of(form) == read_plainly(form)


@given(st.text(), st.text())
def test_any_text_behind_the_name_is_read(before: str, value: str) -> None:
    form = f"{before}&d={value}"

    assert payload_of(form) == read_plainly(form)
