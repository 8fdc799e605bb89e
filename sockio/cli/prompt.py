"""Prompt: the lines that somebody types.

With the package ``prompt_toolkit`` they are kept for the next time, and what comes
meanwhile is written above the line that is being typed.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import suppress
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
        yield from _until_the_end(input)
        return
    from prompt_toolkit.patch_stdout import patch_stdout

    with patch_stdout(raw=True):
        yield from _until_the_end(session.prompt)


def _until_the_end(ask: Any) -> Iterator[str]:
    while True:
        try:
            yield in_thread(ask, _PROMPT)
        except EOFError:
            return


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
