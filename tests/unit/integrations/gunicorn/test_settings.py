from __future__ import annotations

from typing import Any

import pytest
from gunicorn.errors import HaltServer

from sockio.httpd.options import HttpOptions
from sockio.integrations.gunicorn.settings import http_options, is_own, refusals
from tests.support.gunicorn_worker import Quiet, config, make_worker


def test_the_defaults_are_possible() -> None:
    assert list(refusals(config())) == []
    assert http_options(config()) == HttpOptions(
        max_line=8190,
        max_request_line=4094,
        max_head=4096 + 100 * 8192 + 2,
        max_fields=100,
        keep_alive=2,
    )


def test_what_the_operator_gives_holds() -> None:
    cfg = config(
        limit_request_line=100,
        limit_request_fields=3,
        limit_request_field_size=50,
        keepalive=0,
    )

    options = http_options(cfg)

    assert (options.max_request_line, options.max_fields) == (100, 3)
    assert (options.max_line, options.max_head) == (50, 102 + 3 * 52 + 2)
    assert options.keep_alive is None


@pytest.mark.parametrize(
    ("name", "value", "advice"),
    [
        ("threads", 2, "processes are -w"),
        ("protocol", "uwsgi", "proxy_pass"),
        ("proxy_protocol", "v2", "X-Forwarded-For"),
        ("http_protocols", "h2,h1", "HTTP/1.1"),
        ("http2_cleartext", "both", "HTTP/1.1"),
        ("header_map", "dangerous", "underscore"),
        ("permit_obsolete_folding", True, "RFC 9112"),
        ("strip_header_spaces", True, "RFC 9112"),
        ("permit_unconventional_http_method", True, "RFC 9112"),
        ("permit_unconventional_http_version", True, "RFC 9112"),
        ("casefold_http_method", True, "RFC 9112"),
        ("limit_request_line", 0, "above 0"),
        ("limit_request_fields", 0, "above 0"),
        ("limit_request_field_size", 0, "above 0"),
    ],
)
def test_what_is_not_possible_is_refused(name: str, value: Any, advice: str) -> None:
    cfg = config(**{name: value})

    (line,) = refusals(cfg)

    assert line.startswith(f"{name} = {cfg.settings[name].get()!r} is not possible")
    assert advice in line


def test_a_setting_that_gunicorn_does_not_have_is_left_alone() -> None:
    cfg = config()
    del cfg.settings["proxy_protocol"]

    assert list(refusals(cfg)) == []


def test_gunicorn_ends_and_names_each_setting() -> None:
    cfg = config(threads=3, header_map="refuse")

    with pytest.raises(HaltServer) as halted:
        make_worker(cfg, Quiet(cfg), [])

    assert halted.value.exit_status == 3
    assert halted.value.reason == "; ".join(refusals(cfg))
    assert "threads = 3" in halted.value.reason
    assert "header_map = 'refuse'" in halted.value.reason


def test_hooks_of_the_operator_are_told_from_those_of_gunicorn() -> None:
    cfg = config(post_request=lambda worker, req: None)

    assert not is_own(cfg, "pre_request")
    assert is_own(cfg, "post_request")
