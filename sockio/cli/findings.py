"""Findings: what an examination has found, as text, as JSON and as an exit code."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal, TypeAlias

from .exit_codes import FAILED, WARNED
from .telling import plain

__all__ = ["Finding", "Level", "as_json", "as_rows", "exit_code"]

#: "error": it does not work; "warning": it will fail in some situations, or for some
#: clients; "hint": it could be better, or was not examined.
Level: TypeAlias = Literal["ok", "hint", "warning", "error"]

#: The exit code of a program that has found the like, worst first.
_CODES: dict[Level, int] = {"error": FAILED, "warning": WARNED}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was examined."""

    level: Level
    #: What was examined, in a word or two.
    subject: str
    #: What was found.
    text: str
    #: What to change; empty: nothing.
    advice: str = ""


def exit_code(findings: Sequence[Finding]) -> int:
    """Return 1 if there is an error, else 3 if there is a warning, else 0."""
    levels = {each.level for each in findings}
    return next((code for level, code in _CODES.items() if level in levels), 0)


def as_rows(findings: Sequence[Finding]) -> list[tuple[str, str]]:
    """Return lines for people, each behind the level of its finding.

    There is one for each finding, one below it that says what to change, and a summary.
    """
    wide = max((len(each.subject) for each in findings), default=0)
    rows: list[tuple[str, str]] = []
    for each in findings:
        line = f"{each.level:7}  {each.subject:{wide}}  {plain(each.text)}"
        rows.append((each.level, line))
        if each.advice:
            rows.append((each.level, f"{'':9}{'':{wide}}  -> {each.advice}"))
    counts = ", ".join(f"{level}s: {_count(findings, level)}" for level in _CODES)
    return [*rows, ("ok", ""), ("ok", counts)]


def as_json(findings: Sequence[Finding]) -> str:
    """Return one document: the findings, and how many errors and warnings they are."""
    document = {
        "findings": [asdict(each) for each in findings],
        **{f"{level}s": _count(findings, level) for level in _CODES},
    }
    return json.dumps(document, indent=2) + "\n"


def _count(findings: Sequence[Finding], level: Level) -> int:
    return sum(each.level == level for each in findings)
