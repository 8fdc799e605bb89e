"""The pages: they are well-formed, and their links lead somewhere."""

from __future__ import annotations

import io
from functools import cache
from pathlib import Path

import docutils.core
import docutils.nodes
import pytest

from tests.support.deployed import ROOT

PAGES = sorted(
    page
    for page in (
        *ROOT.glob("*.rst"),
        *ROOT.glob("docs/*.rst"),
        *ROOT.glob("examples/**/*.rst"),
    )
)
SETTINGS = {
    "report_level": 2,
    "halt_level": 5,
    "syntax_highlight": "none",
    "file_insertion_enabled": False,
    "_disable_config": True,
}


@cache
def read(page: Path) -> tuple[docutils.nodes.document, str]:
    """Return a page, and what is wrong with it."""
    complaints = io.StringIO()
    document = docutils.core.publish_doctree(
        page.read_text(),
        source_path=str(page.relative_to(ROOT)),
        settings_overrides={**SETTINGS, "warning_stream": complaints},
    )
    return document, complaints.getvalue()


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_a_page_is_well_formed(page: Path) -> None:
    assert read(page)[1] == ""


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page: Path) -> None:
    nowhere = []
    for link in read(page)[0].findall(docutils.nodes.reference):
        target = str(link.get("refuri", ""))
        if not target or target.startswith(("http://", "https://", "mailto:")):
            continue
        where, _, part = target.partition("#")
        file = (page.parent / where).resolve() if where else page
        if not file.exists() or (part and part not in read(file)[0].ids):
            nowhere.append(target)
    assert nowhere == []
