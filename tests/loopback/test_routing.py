"""Which requests belong to the engine."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.loopback import Loopback

from .conftest import StartEngine

HANDSHAKE = "?EIO=4&transport=polling"


@pytest.mark.parametrize(
    "path", ["/engine.io/", "/engine.io/default/", "/engine.io//", "/engine.io/a.js"]
)
def test_every_path_below_the_engines_is_its_own(
    start_engine: StartEngine, path: str
) -> None:
    http = start_engine().raw.http()

    answer = http.request("GET", path + HANDSHAKE)

    assert answer.status == 200
    assert answer.packets[0].startswith("0{")


@pytest.mark.parametrize(
    "path", ["/", "/engine.io", "/engine.i/", "/x/engine.io/", "/ENGINE.IO/"]
)
def test_no_other_path_is_the_engines(start_engine: StartEngine, path: str) -> None:
    engine = start_engine()

    answer = engine.raw.http().request("GET", path + HANDSHAKE)

    assert (answer.status, answer.text) == (404, "Not Found")
    assert engine.refusals == []


@pytest.mark.parametrize(
    ("path", "status"), [("/engine.io", 200), ("/engine.io/", 200), ("/engine.i", 404)]
)
def test_the_slash_at_the_end_can_be_left_out(
    start_engine: StartEngine, path: str, status: int
) -> None:
    engine = start_engine(add_trailing_slash=False)

    assert engine.raw.http().request("GET", path + HANDSHAKE).status == status


@pytest.mark.parametrize("path", ["/chat", "/chat/", "/a/b c"])
def test_the_path_is_an_option(start_engine: StartEngine, path: str) -> None:
    engine = start_engine(path=path)
    target = path.rstrip("/").replace(" ", "%20") + "/" + HANDSHAKE

    assert engine.raw.http().request("GET", target).status == 200
    assert engine.raw.http().request("GET", "/engine.io/" + HANDSHAKE).status == 404


# Upgrades need the path, too
def test_a_websocket_elsewhere_is_not_the_engines(start_engine: StartEngine) -> None:
    engine = start_engine()
    http = engine.raw.http()

    http.send("GET", "/other/" + HANDSHAKE, headers={"Upgrade": "websocket"})

    assert http.receive().status == 404


@pytest.mark.parametrize("script", ["/engine.io", "/app"])
def test_an_engine_may_be_mounted_below_a_path(
    start_engine: StartEngine, script: str
) -> None:
    engine = start_engine(path="/engine.io").engine

    def mount(environ: dict[str, Any], start_response: Any) -> Any:
        environ["SCRIPT_NAME"] = script
        environ["PATH_INFO"] = environ["PATH_INFO"].removeprefix(script)
        return engine(environ, start_response)

    outer = Loopback(mount)
    inner = "/engine.io/" if script == "/app" else "/"
    http = outer.client("/").http()

    answer = http.request("GET", script + inner + HANDSHAKE)

    assert answer.status == 200
    outer.close()
