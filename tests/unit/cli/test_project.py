"""Which files belong to a project, and which of their changes matter."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sockio.cli.project import Project, mistake_in


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give a project with a virtual environment and an installed package in it."""
    for name in (
        "app/templates/page.html",
        "app/__pycache__/app.pyc",
        "node_modules/a/index.html",
        ".git/config",
        "env/pyvenv.cfg",
        "env/lib/site-packages/other/__init__.py",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    return Path(os.path.realpath(tmp_path))


def test_folders_of_others_are_not_watched(folder: Path) -> None:
    project = Project([folder])

    found = {os.path.relpath(each, folder) for each in project.own_folders()}

    assert found == {".", "app", "app/templates"}


def test_modules_from_elsewhere_are_watched_unless_they_are_installed(
    folder: Path,
) -> None:
    project = Project([folder / "app"])

    assert project.add(str(folder / "beside.py"))
    assert not project.add(str(folder / "env/lib/site-packages/other/__init__.py"))
    assert not project.add(os.__file__)

    assert project.folders_of_modules() == {str(folder)}
    assert project.matters(str(folder / "beside.py"), serving=True)
    assert not project.matters(os.__file__, serving=True)


@pytest.mark.parametrize(
    ("name", "serving", "matters"),
    [
        ("imported.py", True, True),
        ("other.py", True, False),
        ("other.py", False, True),
        ("page.html", True, True),
        ("page.jinja2", True, True),
        ("page.html~", True, False),
        (".#page.html", True, False),
        (".page.html.swp", False, False),
        ("4913", False, False),
        ("#other.py#", False, False),
        (".other.py", False, False),
        ("settings.toml", True, True),
        ("sub/.env", True, True),
        ("sub/made.html", True, False),
        ("notes.txt", True, False),
    ],
)
def test_what_matters(folder: Path, name: str, serving: bool, matters: bool) -> None:
    project = Project([folder], included=["*.toml", "sub/.env"], excluded=["sub/made*"])
    project.add(str(folder / "imported.py"))

    assert project.matters(str(folder / name), serving=serving) == matters


def test_files_elsewhere_do_not_matter(folder: Path) -> None:
    project = Project([folder / "app"])

    assert not project.matters(str(folder / "page.html"), serving=True)
    assert not project.matters(str(folder / "other.py"), serving=False)


def test_names_as_their_author_sees_them(folder: Path) -> None:
    project = Project([folder / "app"])

    assert project.shown(str(folder / "app" / "a" / "b.py")) == "a/b.py"
    assert project.shown(str(folder / "b.py")) == str(folder / "b.py")


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("a.py", "x = 1\n", None),
        ("a.html", "def (", None),
        ("a.py", "x = 1\ndef (\n", "line 2: invalid syntax\n    def ("),
        ("a.py", "x = \0", "null bytes"),
        ("a.py", "assert (1, 2)", None),  # a warning
    ],
)
def test_mistakes(folder: Path, name: str, text: str, told: str | None) -> None:
    (folder / name).write_text(text)

    mistake = mistake_in(str(folder / name))

    assert (mistake is None) == (told is None)
    assert told is None or told in str(mistake)


def test_a_module_that_has_been_removed_has_no_mistake(folder: Path) -> None:
    assert mistake_in(str(folder / "none.py")) is None
