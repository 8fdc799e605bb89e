"""Containers: the image and the manifests that docs/containers.rst prints."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from sockio.socket.server.lifecycle import GRACE
from tests.support import services
from tests.support.deployed import ROOT, Deployed
from tests.support.ports import free_port
from tests.support.printed import printed
from tests.support.waiting import PATIENCE

PAGE = "containers.rst"
APP = "tests.deployment.apps.operated:io"
#: The longest orderly end: the default of ``drain``, and what is under way, twice.
END = 30 + 2 * GRACE
#: Python as process 1 of a namespace: its arguments follow.
PROCESS_1 = (
    "-c",
    "import os, sys; os.execvp('unshare', ['unshare', '--pid', '--fork', "
    "'--kill-child', '--mount-proc', sys.executable, *sys.argv[1:]])",
)


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE, check=False
    )


# ------------------------------------------------------------------ the image


def test_the_containerfile_is_good(tmp_path: Path) -> None:
    file = tmp_path / "Containerfile"
    file.write_text(printed(PAGE, "Containerfile"))

    found = run(services.program("hadolint"), str(file))

    assert (found.returncode, found.stdout) == (0, "")


def command(instruction: str, port: int) -> list[str]:
    """Return what an instruction of the image runs: arguments of Python."""
    replaced = {"3000": port, "chat:io": APP, "0.0.0.0": "127.0.0.1"}
    text = printed(PAGE, "Containerfile", replaced)
    [found] = re.findall(instruction + r" (\[.+\])$", text, re.MULTILINE)
    program, *arguments = json.loads(found)
    assert program == "python"
    return [str(argument) for argument in arguments]


def test_the_container_ends_in_an_orderly_way_and_tells_its_health() -> None:
    port = free_port()
    health = [sys.executable, *command("    CMD", port)]
    with Deployed(*command("^CMD", port)) as server:
        assert run(*health).returncode == 0
        server.end_quietly()

    assert run(*health).returncode == 1


@pytest.mark.parametrize("workers", ["1", "2"])
def test_it_may_be_process_1(workers: str) -> None:
    if shutil.which("unshare") is None or run("unshare", "--pid", "true").returncode:
        services.missing("namespaces", "this user may not make one")
    server_command = [*command("^CMD", free_port()), "--workers", workers]
    with Deployed(*PROCESS_1, *server_command) as server:
        websocket = server.client().open_socket()
        children = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text()

        subprocess.run(["kill", f"-{signal.SIGTERM:d}", children.strip()], check=True)

        websocket.wait_closed()
        assert server.wait() == 0, server.log
        server.assert_quiet()


# ------------------------------------------------------------------ Kubernetes


@pytest.fixture
def manifests(tmp_path: Path) -> list[Path]:
    """Give a file with each of the manifests."""
    files = []
    for number, text in enumerate(printed(PAGE, "chat.yaml").split("---\n")):
        files.append(tmp_path / f"{number}.yaml")
        files[-1].write_text(text)
    return files


def validate(*files: Path) -> subprocess.CompletedProcess[str]:
    program = services.program("kubernetes-validate")
    return run(sys.executable, program, "--strict", *map(str, files))


def test_the_manifests_are_valid(manifests: list[Path]) -> None:
    found = validate(*manifests)

    assert found.returncode == 0, found.stdout + found.stderr


def test_a_wrong_manifest_would_be_found(manifests: list[Path]) -> None:
    text = manifests[0].read_text().replace("preStop", "prestop")
    manifests[0].write_text(text)

    assert validate(manifests[0]).returncode != 0


def test_a_pod_has_time_to_end() -> None:
    text = printed(PAGE, "chat.yaml")
    [grace] = map(int, re.findall(r"terminationGracePeriodSeconds: (\d+)", text))
    [before] = map(int, re.findall(r'command: \["sleep", "(\d+)"\]', text))

    assert grace > before + END
