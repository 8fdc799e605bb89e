"""Schemas: TypeScript compiles the maps with the client, AsyncAPI reads its own."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from sockio.__main__ import main
from tests.support import services
from tests.support.node import FOLDER

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Give a function that runs Node in a folder with our packages and schemas."""
    (tmp_path / "node_modules").symlink_to(services.node_modules(FOLDER))
    for name in ("asyncapi.mjs", "typed_client.ts"):
        shutil.copy(FOLDER / name, tmp_path)
    ts, asyncapi = tmp_path / "events.ts", tmp_path / "asyncapi.json"
    shop = "tests.support.typed_shop:io"
    main(["schema", shop, "--ts", str(ts), "--asyncapi", str(asyncapi)])

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [services.program("node"), *arguments]
        return subprocess.run(
            command, cwd=tmp_path, capture_output=True, text=True, timeout=120
        )

    return run


def test_the_javascript_client_is_compiled_with_the_maps(run: Run) -> None:
    options = ["--noEmit", "--strict", "--module", "nodenext", "--target", "es2022"]

    done = run("node_modules/typescript/bin/tsc", *options, "typed_client.ts")

    assert (done.stdout, done.stderr, done.returncode) == ("", "", 0)


def test_the_document_is_one_of_asyncapi(run: Run) -> None:
    done = run("asyncapi.mjs", "asyncapi.json")

    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["wrong"] == []
    assert told["version"] == "3.0.0"
    assert ["receive", "say"] in told["operations"]
    assert ["send", "admin:alarm"] in told["operations"]
