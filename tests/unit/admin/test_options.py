"""The options of the admin namespace: what is refused, and what the error says."""

from __future__ import annotations

from typing import Any

import pytest

from sockio.admin.options import AdminOptions, Basic
from sockio.errors import ConfigError

HASH = "$2b$04$" + "a" * 53


@pytest.mark.parametrize("version", ["2a", "2b", "2y"])
def test_hashes_of_bcrypt(version: str) -> None:
    text = f"${version}$12${'./' * 26}A"

    assert Basic("ann", text).password_hash == text
    assert Basic("ann", text.encode()) == Basic("ann", text)


@pytest.mark.parametrize(
    "wrong", ["hunter2", "", None, 5, HASH[:-1], f"{HASH}a", f"{HASH}\n", b"\xff"]
)
def test_what_is_no_hash_is_not_shown(wrong: Any) -> None:
    with pytest.raises(ConfigError, match=r"bcrypt\.hashpw") as caught:
        Basic("ann", wrong)

    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("cost", ["03", "17", "31"])
def test_a_hash_that_is_too_cheap_or_too_costly(cost: str) -> None:
    with pytest.raises(ConfigError, match="a cost from 4 to 16"):
        Basic("ann", f"$2b${cost}${'a' * 53}")


@pytest.mark.parametrize("name", ["", None, b"ann"])
def test_a_user_has_a_name(name: Any) -> None:
    with pytest.raises(ConfigError, match="give a user name"):
        Basic(name, HASH)


def test_the_hash_is_not_shown() -> None:
    assert repr(Basic("ann", HASH)) == "Basic('ann', ...)"


@pytest.mark.parametrize(
    "auth",
    [None, True, 0, "", ("admin", HASH), {"type": "basic", "password": "hunter2"}],
)
def test_somebody_must_say_who_may_enter(auth: Any) -> None:
    with pytest.raises(ConfigError, match="auth=False for everybody") as caught:
        AdminOptions(auth=auth)

    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("option", "value", "advice"),
    [
        ("mode", "dev", "'development' or 'production'"),
        ("readonly", "yes", "True or False"),
        ("namespace", "/", "for the admin page alone"),
        ("namespace", "", "for the admin page alone"),
        ("namespace", None, "for the admin page alone"),
        ("server_id", 5, "give text"),
        ("session_duration", 0, "above 0"),
        ("session_duration", 86_400_000, "seconds"),
    ],
)
def test_a_wrong_option(option: str, value: Any, advice: str) -> None:
    with pytest.raises(ConfigError, match=advice):
        AdminOptions(auth=False, **{option: value})


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("namespaceName", "write namespace"),
        ("serverId", "write server_id"),
        ("store", "share the sessions"),
        ("read_only", "readonly"),
    ],
)
def test_names_of_other_libraries(name: str, advice: str) -> None:
    given: dict[str, Any] = {name: 1}

    with pytest.raises(TypeError, match=advice):
        AdminOptions(auth=False, **given)


def test_a_namespace_without_its_slash() -> None:
    assert AdminOptions(auth=False, namespace="ops").namespace == "/ops"
