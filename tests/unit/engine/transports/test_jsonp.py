from __future__ import annotations

import pytest

from sockio.engine.transports.jsonp import payload_of, script


def test_a_script_calls_the_function_of_the_page() -> None:
    assert script("12", '4["a"]') == '___eio[12]("4[\\"a\\"]");'


def test_what_ends_a_line_of_javascript_is_escaped() -> None:
    assert script("0", "4\u2028\u2029é😀\n") == '___eio[0]("4\\u2028\\u2029é😀\\n");'


def test_surrogates_by_themselves_travel_as_escapes() -> None:
    assert script("0", "4\ud800") == '___eio[0]("4\\ud800");'


@pytest.mark.parametrize(
    ("form", "payload"),
    [
        ("d=4hello", "4hello"),
        ("d=4a+b%20c%26%3D", "4a b c&="),
        ("d=4%C3%A9%F0%9F%98%80", "4é😀"),
        ("x=1&d=4a&dd=3", "4a"),
        ("d=", ""),
        ("d", ""),
        ("%64=4a", "4a"),
        ("d=a%5Cnb", "a\nb"),
        ("d=a%5C%5Cnb", "a\\nb"),
        ("d=a%5C%5C%5Cnb", "a\\\\nb"),
        ("d=a%5Cb", "a\\b"),
        ("d=%FF%ZZ", "\ufffd%ZZ"),
    ],
)
def test_the_payload_of_a_form(form: str, payload: str) -> None:
    assert payload_of(form) == payload


@pytest.mark.parametrize("form", ["", "4hello", "x=1", "&", "d=1&d=2", "D=1"])
def test_a_form_without_one_payload(form: str) -> None:
    assert payload_of(form) is None
