"""Prompt: the lines that somebody types.

With the package ``prompt_toolkit`` they are kept for the next time, and what comes
meanwhile is written above the line that is being typed.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from typing import Any

from sockio.runtime.patching import threads_are_greenlets
from sockio.runtime.tasks import in_thread

__all__ = ["history_file", "typed_lines"]

_PROMPT = "> "


def typed_lines(words: list[str]) -> Iterator[str]:
    """Yield lines until the end of the input.

    Args:
        words: With which a line may begin; they are completed.

    Raises:
        KeyboardInterrupt: Ctrl-C.

    Blocks:
        Until the next line is there; other greenlets run.
    """
    session = _session(words)
    if session is None:
        with suppress(ImportError):  # then there are no arrow keys
            import readline  # noqa: F401 - input() uses it if it is imported
        yield from _until_the_end(lambda: in_thread(input, _PROMPT))
        return
    terminal = _Terminal(session)
    file: Any = terminal
    with redirect_stdout(file), redirect_stderr(file):
        yield from _until_the_end(terminal.ask)


def _until_the_end(ask: Callable[[], str]) -> Iterator[str]:
    while True:
        try:
            yield ask()
        except EOFError:
            return


class _Terminal:
    """A terminal, with a line that is typed, and as a file for what comes above it.

    As long as a line is typed, only the loop that draws it writes to the terminal. So a
    text is never in the midst of the line, and never lost when the line ends.
    """

    def __init__(self, session: Any) -> None:
        self._session = session
        self._file = sys.stdout
        #: Not written yet. One thread appends; the one that may write takes.
        self._kept: deque[str] = deque()
        #: Whether a line is typed.
        self._typing = False
        #: What draws it, from when it has begun.
        self._loop: asyncio.AbstractEventLoop | None = None

    def ask(self) -> str:
        """Return the next line.

        Raises:
            EOFError: Ctrl-D.
            KeyboardInterrupt: Ctrl-C.

        Blocks:
            Until it is there; other greenlets run.
        """
        self._typing = True
        try:
            line: str = in_thread(
                lambda: self._session.prompt(_PROMPT, pre_run=self._begin)
            )
        finally:
            self._typing, self._loop = False, None
            self._write_kept()
        return line

    def _begin(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._write_kept()

    def write(self, text: str) -> int:
        self._kept.append(text)
        if "\n" in text:
            self.flush()
        return len(text)

    def flush(self) -> None:
        loop = self._loop
        if not self._typing:
            self._write_kept()
        elif loop is not None:
            with suppress(RuntimeError):  # it has ended: ask() writes
                loop.call_soon_threadsafe(self._write_above)

    def isatty(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._file.fileno()

    @property
    def encoding(self) -> str:
        return self._file.encoding

    def _write_above(self) -> None:
        # Not by its run_in_terminal(), which lets the terminal echo and take Ctrl-D
        # meanwhile.
        if self._kept:
            app = self._session.app
            app.renderer.erase()
            self._write_kept()
            app.renderer.request_absolute_cursor_position()
            app.invalidate()

    def _write_kept(self) -> None:
        while self._kept:
            self._file.write(self._kept.popleft())
        self._file.flush()


def _session(words: list[str]) -> Any:
    """Return what edits lines; None: it is not installed, or this is no terminal."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return None
    # It has a loop of its own, in a thread, and the patched one would need this hub.
    if os.environ.get("TERM") == "dumb" or threads_are_greenlets():
        return None
    try:
        from prompt_toolkit import PromptSession
        from prompt_toolkit.completion import WordCompleter
        from prompt_toolkit.history import FileHistory
    except ImportError:
        return None

    class History(FileHistory):
        def store_string(self, string: str) -> None:
            if not string.startswith(" "):
                super().store_string(string)

    file = history_file()
    return PromptSession(
        history=None if file is None else History(file),
        completer=WordCompleter(words, sentence=True),
        complete_while_typing=False,
    )


def history_file() -> Path | None:
    """Return the file of former lines, which only its owner may read.

    None: it cannot be written, and lines are kept only until the end.
    """
    state = os.environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")
    path = Path(state, "sockio", "history")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600))
    except OSError:
        return None
    return path
