"""Options: those of ``instrument``, and who may enter."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, TypedDict

from sockio.engine.option_checks import flag, seconds
from sockio.errors import ConfigError
from sockio.runtime.unknown_names import tells_unknown

__all__ = ["AdminOptions", "AdminSettings", "Basic", "Mode"]

Mode: TypeAlias = Literal["development", "production"]

#: A bcrypt hash: its version, its cost, and 53 characters of salt and hash.
_HASH = re.compile(r"\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}")
#: The most costly hash: comparing takes some seconds, and twice as long for each more.
MOST_COSTLY = 16
#: The most seconds for which a session may be kept: thirty days.
LONGEST_SESSION = 30 * 86400.0
_HOW_TO_HASH = (
    "python -c 'import bcrypt, getpass; "
    "print(bcrypt.hashpw(getpass.getpass().encode(), bcrypt.gensalt()).decode())'"
)
_HINTS = {
    "namespaceName": "write namespace",
    "namespace_name": "write namespace",
    "store": "leave it out: the servers of a cluster share the sessions",
}


@dataclass(frozen=True, slots=True, repr=False)
class Basic:
    """A user name, and the bcrypt hash of a password."""

    username: str
    #: As ``bcrypt`` and ``htpasswd -B`` make it.
    password_hash: str

    def __init__(self, username: str, password_hash: str | bytes) -> None:
        """Let in who knows both.

        Args:
            username: The name.
            password_hash: Begins with ``$2a$``, ``$2b$`` or ``$2y$``.

        Raises:
            ConfigError: One of them is something else.
        """
        if type(username) is not str or not username:
            raise ConfigError(f"Basic({username!r}, ...): give a user name, as text")
        if isinstance(password_hash, bytes):
            password_hash = password_hash.decode("ascii", "replace")
        found = (
            _HASH.fullmatch(password_hash) if isinstance(password_hash, str) else None
        )
        # The value itself may be a password, so it is in none of the errors.
        if found is None:
            raise ConfigError(
                "Basic(): the second argument is the bcrypt hash of the password, not "
                f"the password; make one with: {_HOW_TO_HASH}"
            )
        if not 4 <= int(found[1]) <= MOST_COSTLY:
            raise ConfigError(
                f"Basic(): the cost of the hash is {int(found[1])}: make one with a "
                f"cost from 4 to {MOST_COSTLY}; 12 is usual"
            )
        object.__setattr__(self, "username", username)
        object.__setattr__(self, "password_hash", password_hash)

    def __repr__(self) -> str:
        return f"Basic({self.username!r}, ...)"


@tells_unknown("instrument", _HINTS)
@dataclass(frozen=True, slots=True, kw_only=True)
class AdminOptions:
    """What the admin page gets, and what it may do."""

    #: Who may enter; False: everybody.
    auth: Basic | Literal[False] | None = None
    #: "development": all sockets, rooms and events; "production": figures.
    mode: Mode = "development"
    #: Whether the page may only look.
    readonly: bool = False
    #: The namespace that the page joins.
    namespace: str = "/admin"
    #: The name of this server; None: the host's, and the process id if there are more.
    server_id: str | None = None
    #: Seconds after which a page that was reloaded has to ask for the password.
    session_duration: float = 86400.0

    def __post_init__(self) -> None:
        _check_auth(self.auth)
        if self.mode not in ("development", "production"):
            raise ConfigError(
                f"instrument(mode={self.mode!r}): give 'development' or 'production'"
            )
        flag("readonly", self.readonly)
        if type(self.namespace) is not str or not self.namespace.strip("/"):
            raise ConfigError(
                f"instrument(namespace={self.namespace!r}): give the name of a "
                "namespace that is for the admin page alone, such as '/admin'"
            )
        if not self.namespace.startswith("/"):
            object.__setattr__(self, "namespace", f"/{self.namespace}")
        if self.server_id is not None and type(self.server_id) is not str:
            raise ConfigError(
                f"instrument(server_id={self.server_id!r}): give text, another one for "
                "each process, or None"
            )
        seconds("session_duration", self.session_duration, LONGEST_SESSION)


class _Needed(TypedDict):
    """The option that must be given; for type checkers."""

    auth: Basic | Literal[False]


class AdminSettings(_Needed, total=False):
    """The options of ``instrument``; for type checkers."""

    mode: Mode
    readonly: bool
    namespace: str
    server_id: str | None
    session_duration: float


def _check_auth(auth: Any) -> None:
    if auth is False or isinstance(auth, Basic):
        return
    # It may hold a password, so it is not shown.
    given = "" if auth is None else f"(auth=<{type(auth).__name__}>)"
    raise ConfigError(
        f"instrument{given}: say who may enter: auth=sockio.Basic('admin', "
        "bcrypt_hash), or auth=False for everybody who can reach the server"
    )
