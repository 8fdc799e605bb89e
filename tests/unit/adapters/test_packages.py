from __future__ import annotations

from importlib import import_module

import pytest

from sockio.adapters.packages import needed
from sockio.errors import ConfigError


def test_the_error_says_what_to_install() -> None:
    told = r"a bus needs the package absent: .*'sockio\[absent\]'"
    with pytest.raises(ConfigError, match=told), needed("absent", by="a bus"):
        import_module("absent.part")


def test_a_package_may_be_imported_under_other_names() -> None:
    told = r"a bus needs the package absent: .*'sockio\[away\]'"
    wrong = pytest.raises(ConfigError, match=told)
    names = ("part", "absent")
    with wrong, needed("absent", by="a bus", extra="away", modules=names):
        import_module("part")


def test_another_missing_module_is_a_bug() -> None:
    wrong = pytest.raises(ModuleNotFoundError, match="other")
    with wrong, needed("absent", by="a bus"):
        import_module("other")
