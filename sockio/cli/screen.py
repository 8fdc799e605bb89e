"""Screen: what people read, with colours and a bar where the terminal can show them.

The package ``rich`` does both, and knows ``NO_COLOR``, ``FORCE_COLOR`` and ``TERM``.
Without it, and in files and pipes, the same words are plain text.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sockio.runtime.standard_streams import say

from .output import write

__all__ = ["Screen"]

#: How each kind of line looks.
_STYLES = {
    "ack": "bold",
    "connect": "green",
    "disconnect": "yellow",
    "error": "red",
    "hint": "cyan",
    "open": "green",
    "refused": "red",
    "warning": "yellow",
}
#: Shows what is being done, how much of it is done (0 to 1), and some figures.
Show = Callable[[str, float, str], None]


class Screen:
    """Standard output, or standard error."""

    def __init__(self, *, error: bool = False, colours: bool = True) -> None:
        """Find out what can be shown.

        Args:
            error: Whether it is standard error.
            colours: Whether there may be some.
        """
        self._error = error
        self._console = _console(error) if colours else None

    def write(self, line: str, kind: str = "") -> None:
        """Write a line.

        Args:
            kind: What it tells of, which decides how it looks.
        """
        text = f"{line}\n"
        if self._console is not None and kind in _STYLES:
            self._console.file = styled = io.StringIO()
            self._console.out(line, style=_STYLES[kind], highlight=False)
            self._console.file = None  # the stream itself, where a bar may be shown
            text = styled.getvalue()
        # A remark that nobody can read does not end the program.
        (say if self._error else write)(text)

    @contextmanager
    def bar(self) -> Iterator[Show]:
        """Show how far something is, as long as the block runs; on a terminal only."""
        file = sys.stderr if self._error else sys.stdout
        if file is None or not file.isatty() or os.environ.get("TERM") == "dumb":
            yield lambda *_: None
        elif self._console is None:
            yield lambda what, done, text: _overwrite(file, f"{what} {done:.0%} {text}")
            _overwrite(file, "")
        else:
            with _progress(self._console) as show:
                yield show


def _console(error: bool) -> Any:
    """Return what writes colours to a terminal; None: nothing does."""
    file = sys.stderr if error else sys.stdout
    if file is None or not (file.isatty() or os.environ.get("FORCE_COLOR")):
        return None  # and nobody waits until the package is imported
    try:
        from rich.console import Console
    except ImportError:
        return None
    return Console(stderr=error)


@contextmanager
def _progress(console: Any) -> Iterator[Show]:
    from rich.progress import BarColumn, Progress, TextColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TextColumn("{task.fields[text]}"),
    )
    # It is drawn when there is news; another thread would have to wait for us anyway.
    with Progress(*columns, console=console, auto_refresh=False, transient=True) as bar:
        task = bar.add_task("", total=1.0, text="")

        def show(what: str, done: float, text: str) -> None:
            bar.update(task, description=what, completed=done, text=text, refresh=True)

        yield show


def _overwrite(file: Any, line: str) -> None:
    file.write(f"\r\x1b[K{line}")
    file.flush()
