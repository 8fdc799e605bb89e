"""Build sockio; compile the path of a packet where there is a C compiler.

The modules named here work as they are, and run faster compiled. Without Cython, or
where compiling fails, they are installed as plain Python.
"""

import os

from setuptools import Extension, setup

COMPILED = (
    "adapters.memory",
    "adapters.rooms",
    "engine.outbox",
    "engine.session",
    "engine.transports.websocket",
    "engine.websockets.native",
    "protocol.engineio.wire",
    "protocol.socketio.attachments",
    "protocol.socketio.json_parser",
    "protocol.socketio.msgpack_scan",
    "protocol.socketio.packet",
    "protocol.websocket.frames",
    "runtime.batch",
    "runtime.listeners",
    "runtime.mailbox",
    "runtime.stream",
    "runtime.workers",
    "socket.answers",
    "socket.broadcast",
    "socket.connection",
    "socket.dispatch",
    "socket.sending",
)

#: Functions that a neighbour has in Python, too.
IN_C = ("protocol.websocket.speedups", "runtime.speedups")


#: Without what only a debugger reads.
SMALL = [] if os.name == "nt" else ["-g0"]


def extensions() -> list[Extension]:
    try:
        from Cython.Build import cythonize
    except ImportError:
        return []
    sources = {name: f"sockio/{name.replace('.', '/')}.py" for name in COMPILED}
    sources |= {name: f"sockio/{name.replace('.', '/')}.pyx" for name in IN_C}
    return cythonize(
        [
            Extension(
                f"sockio.{name}", [source], optional=True, extra_compile_args=SMALL
            )
            for name, source in sources.items()
        ],
        build_dir="build/cython",
        # Annotations are for type checkers: what a class is in C, its .pxd says.
        compiler_directives={"language_level": 3, "annotation_typing": False},
        quiet=True,
    )


setup(ext_modules=extensions())
