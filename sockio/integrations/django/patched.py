"""Patched: a program that patches the standard library, and then runs another one.

python patched.py manage.py runsocketio
python patched.py -m django runsocketio
"""

from __future__ import annotations

import os
import runpy
import sys

__all__ = ["MARK", "main", "run_program"]

#: The variable of the environment that names the process which was patched so.
MARK = "SOCKIO_PATCHED_PROCESS"


def main() -> None:
    """Patch, and run the program that the command line names."""
    from gevent import monkey

    monkey.patch_all()
    os.environ[MARK] = str(os.getpid())
    run_program(sys.argv[1:])


def run_program(arguments: list[str]) -> None:
    """Run a script, or a module behind ``-m``, as Python itself does.

    Args:
        arguments: What Python would get.

    Raises:
        SystemExit: As the program says.
    """
    is_module = arguments[0] == "-m"
    sys.argv = arguments[1:] if is_module else arguments
    program = sys.argv[0]
    folder = os.getcwd() if is_module else os.path.dirname(os.path.realpath(program))
    if not (sys.flags.isolated or getattr(sys.flags, "safe_path", False)):
        sys.path[0] = folder  # in place of ours
    if is_module:
        runpy.run_module(program, run_name="__main__", alter_sys=True)
    else:
        runpy.run_path(program, run_name="__main__")


if __name__ == "__main__":
    main()
