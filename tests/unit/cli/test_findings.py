"""Findings as people and as scripts read them."""

from __future__ import annotations

import json

import pytest

from sockio.cli.findings import Finding, Level, as_json, as_rows, exit_code

FINDINGS = [
    Finding("ok", "build", "compiled"),
    Finding("warning", "patching", "nothing is patched", "patch"),
    Finding("error", "url", "nobody is there", "start it"),
]


@pytest.mark.parametrize(
    ("levels", "code"),
    [
        ([], 0),
        (["ok", "hint"], 0),
        (["ok", "warning"], 3),
        (["warning", "error", "hint"], 1),
    ],
)
def test_exit_codes(levels: list[Level], code: int) -> None:
    assert exit_code([Finding(level, "build", "text") for level in levels]) == code


def as_text(findings: list[Finding]) -> str:
    return "\n".join(line for _, line in as_rows(findings))


def test_text() -> None:
    assert as_text(FINDINGS) == (
        "ok       build     compiled\n"
        "warning  patching  nothing is patched\n"
        "                   -> patch\n"
        "error    url       nobody is there\n"
        "                   -> start it\n"
        "\n"
        "errors: 1, warnings: 1"
    )


def test_a_line_has_the_level_of_its_finding() -> None:
    levels = [level for level, line in as_rows(FINDINGS) if line]

    assert levels == ["ok", "warning", "warning", "error", "error", "ok"]


def test_what_steers_a_terminal_is_escaped() -> None:
    assert '"\\u001b[2J"' in as_text([Finding("error", "url", "\x1b[2J")])


def test_json() -> None:
    document = json.loads(as_json(FINDINGS))

    assert (document["errors"], document["warnings"]) == (1, 1)
    assert document["findings"][1] == {
        "level": "warning",
        "subject": "patching",
        "text": "nothing is patched",
        "advice": "patch",
    }
