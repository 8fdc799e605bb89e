"""JSON codec: the application's own JSON, with what Flask knows to convert."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import Any

import flask
from flask.json.provider import JSONProvider

__all__ = ["FlaskJson"]


class FlaskJson:
    """``flask.json`` or a provider, in a context of the application."""

    def __init__(self, app: flask.Flask) -> None:
        self._app = app

    @classmethod
    def of(cls, value: Any, app: flask.Flask) -> Any:
        """Read the option ``json``; other modules than Flask's are used as they are."""
        if value is flask.json or isinstance(value, JSONProvider):
            return cls(app)
        return value

    def dumps(self, value: Any, /, *, default: Callable[[Any], Any]) -> str:
        """Return JSON text; what Flask cannot convert, ``default`` does."""
        provider = self._app.json
        convert = getattr(provider, "default", None)

        def either(value: Any) -> Any:
            if convert is not None:
                with suppress(TypeError):
                    return convert(value)
            return default(value)

        with self._context():
            return provider.dumps(value, default=either, separators=(",", ":"))

    def loads(self, text: str, /) -> Any:
        """Return the value of a JSON text."""
        with self._context():
            return self._app.json.loads(text)

    def _context(self) -> AbstractContextManager[Any]:
        return nullcontext() if flask.has_app_context() else self._app.app_context()
