"""Query: the options of a bus that follow the ``?`` of its URL (pure)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from urllib.parse import unquote

from sockio.errors import ConfigError, UnknownOption
from sockio.runtime.unknown_names import Hints, refuse

__all__ = ["Query", "secret", "wrong"]

#: Seconds; more are taken for milliseconds.
LONGEST = 3600

_TRUTHS: Mapping[str, bool] = {
    "1": True,
    "true": True,
    "yes": True,
    "0": False,
    "false": False,
    "no": False,
}


class Query:
    """Options by name, as texts."""

    def __init__(
        self,
        scheme: str,
        pairs: Iterable[tuple[str, str]],
        known: Iterable[str],
        hints: Hints,
    ) -> None:
        """Check the names.

        Args:
            scheme: Of the URL, for errors.
            pairs: Names and values.
            known: The names that exist.
            hints: What to do instead of giving an option.

        Raises:
            ConfigError: An option is unknown, or given twice. All calls raise it, for
                a value that cannot be.
        """
        self._scheme = scheme
        given = list(pairs)
        self.given = dict(given)
        if len(self.given) < len(given):
            raise wrong(scheme, "an option is given twice")
        names = frozenset(known)
        if not self.given.keys() <= names:
            # A name may be anything, if the URL is broken: only words are repeated.
            shown = {n if re.fullmatch(r"\w{1,40}", n) else "?": "" for n in self.given}
            try:
                refuse(f"adapter={scheme}:", shown, names, hints)
            except UnknownOption as exc:
                raise ConfigError(str(exc)) from None

    def text(self, name: str, default: str, pattern: str = ".+", what: str = "") -> str:
        """Return a text.

        Args:
            name: Of the option.
            default: What it is if it is not given.
            pattern: What it must match as a whole.
            what: What that is, for the error.
        """
        value = self.given.get(name, default)
        if not value:
            raise wrong(self._scheme, f"{name}= is empty")
        if not re.fullmatch(pattern, value):
            raise wrong(self._scheme, f"{name}= is no {what}")
        return value

    def number(
        self, name: str, default: int, least: int = 0, most: int = 10**15 - 1
    ) -> int:
        """Return a whole number."""
        value = self.given.get(name)
        if value is None:
            return default
        if not re.fullmatch(r"[0-9]{1,15}", value) or int(value) < least:
            raise wrong(self._scheme, f"{name}= is no number of {least} or more")
        if int(value) > most:
            raise wrong(self._scheme, f"{name}= is {most} at most")
        return int(value)

    def seconds(self, name: str, default: float) -> float:
        """Return a time in seconds."""
        value = self.given.get(name)
        if value is None:
            return default
        if not re.fullmatch(r"[0-9]{1,15}(\.[0-9]{1,15})?", value) or not float(value):
            raise wrong(self._scheme, f"{name}= is no number of seconds above 0")
        if float(value) > LONGEST:
            raise wrong(
                self._scheme,
                f"{name}= is in seconds, {LONGEST} at most, not in milliseconds",
            )
        return float(value)

    def truth(self, name: str, default: bool) -> bool:
        """Return true or false."""
        value = self.given.get(name)
        if value is None:
            return default
        if value.lower() not in _TRUTHS:
            raise wrong(self._scheme, f"{name}= is true or false")
        return _TRUTHS[value.lower()]


def secret(part: str | None, otherwise: str | None) -> str | None:
    """Return a user or a password: of the URL, or else of the environment."""
    return unquote(part) if part else otherwise or None


def wrong(scheme: str, text: str) -> ConfigError:
    """Return the error for a URL, of which it repeats only the scheme."""
    shown = scheme if re.fullmatch(r"[a-z+]{1,20}", scheme) else "?"
    return ConfigError(f"adapter='{shown}:...': {text}")
