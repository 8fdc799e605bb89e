"""The clients that no test can run: what they write, by their source, is tested.

A raw client writes the same to our server and to Node's; see
``tests/support/form_client.py``.
"""

from __future__ import annotations

from typing import NamedTuple

#: The transports of a client that has all.
ALL = "polling, websocket, upgrade"


class Source(NamedTuple):
    """A version of a client.

    Attributes:
        name: Its language, and its name.
        version: The one that was read.
        protocols: The revisions of Engine.IO that it speaks.
        transports: Those that it has.
        tests: The module with what it writes.
    """

    name: str
    version: str
    protocols: str
    transports: str
    tests: str

    @property
    def form(self) -> str:
        """What the name of each of its forms begins with."""
        return f"{self.name.partition(': ')[2].partition(',')[0]} {self.version}"


_SWIFT = "Swift: socket.io-client-swift"
_PROGRAM = "Dart: socket_io_client, dart:io"
_BROWSER = "Dart: socket_io_client, browser"
_DOTNET = "C#: SocketIOClient"
_UNITY = "Unity: SocketIOUnity"
_ARDUINO = "Arduino: arduinoWebSockets"
SOURCES = (
    Source(_SWIFT, "16.1.1", "4, 3", ALL, "test_forms_of_swift"),
    Source(_SWIFT, "15.2.0", "3", ALL, "test_forms_of_swift"),
    Source(_PROGRAM, "3.1.6", "4", "websocket", "test_forms_of_dart"),
    Source(_PROGRAM, "2.0.3", "4", "websocket", "test_forms_of_dart"),
    Source(_BROWSER, "3.1.6", "4", ALL, "test_forms_of_dart"),
    Source(_DOTNET, "4.0.3", "4, 3", ALL, "test_forms_of_dotnet"),
    Source(_DOTNET, "3.1.1", "4, 3", ALL, "test_forms_of_dotnet"),
    Source(_UNITY, "1.1.5", "4, 3", ALL, "test_forms_of_dotnet"),
    Source(_ARDUINO, "2.7.3", "4, 3", "upgrade", "test_forms_of_arduino"),
)
