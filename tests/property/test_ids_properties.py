from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from sockio.runtime.ids import SessionIds, is_tag, tag_of

#: Text that looks like an id at least in part.
SIDS = st.one_of(
    st.text(),
    st.text(alphabet="ab-_~/\0", min_size=18, max_size=22),
    st.from_regex(r"\A.*~[A-Za-z0-9_-]{3,5}\Z", fullmatch=True),
)


@given(SIDS)
def test_a_tag_is_four_harmless_letters_or_nothing(sid: str) -> None:
    assert re.fullmatch(r"(?:[A-Za-z0-9_-]{4})?", tag_of(sid))


@given(SIDS)
def test_the_id_of_the_application_keeps_the_tag_behind_it(sid: str) -> None:
    ids = SessionIds()

    assert tag_of(f"{sid}~{ids.tag}") == ids.tag
    assert is_tag(ids.tag)
