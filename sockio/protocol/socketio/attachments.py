"""Attachments: take bytes out of a JSON tree, and put them back.

Bytes travel beside the text, and a placeholder in the text says where they belong.

Spec: Socket.IO protocol v5, "Packet encoding".
"""

from __future__ import annotations

from dataclasses import is_dataclass
from enum import Enum
from typing import Any

from sockio.errors import EncodeError, ProtocolError

from .buffers import content
from .plain import cannot_travel, plain

#: Types that are never taken for a file or a buffer, whatever their attributes.
_PLAIN = (str, int, float, list, tuple, dict, Enum)

__all__ = ["Attachments", "restore"]


class Attachments(list[bytes]):
    """The bytes that were found while one packet was written, in order.

    A JSON library calls ``take`` for each value that it does not know.
    """

    #: Files and their content, by id: a second pass over the tree needs it again.
    files: dict[int, tuple[Any, bytes]] | None = None

    def take(self, value: Any) -> Any:
        """Keep the bytes of ``value`` and return what stands for them in the text.

        A value that is not bytes is returned in a form that JSON knows.

        Raises:
            EncodeError: There is no such form.
        """
        if type(value) is bytes:
            return self.place(value)
        if isinstance(value, (bytes, bytearray)):
            return self.place(memoryview(value).tobytes())
        try:
            return self._converted(value)
        except (EncodeError, RecursionError):
            raise
        except Exception as exc:
            # A boundary: files, mappings and the like are code of the application.
            raise EncodeError(f"{cannot_travel(value)}: {exc}") from exc

    def _converted(self, value: Any) -> Any:
        if isinstance(value, _PLAIN) or is_dataclass(value):
            return plain(value)
        if callable(getattr(value, "read", None)):
            return self.place(self._read(value))
        try:
            view = memoryview(value)
        except TypeError:
            return plain(value)
        with view:
            found = content(value, view)
        return self.place(found) if isinstance(found, bytes) else found

    def place(self, data: bytes) -> Any:
        """Keep ``data`` and return what stands for it."""
        self.append(data)
        return {"_placeholder": True, "num": len(self) - 1}

    def _read(self, file: Any) -> bytes:
        if self.files is None:
            self.files = {}
        # Keep the file, so that no other object gets its id.
        _, data = self.files.get(id(file), (file, None))
        if data is None:
            found = file.read()
            if not isinstance(found, (bytes, bytearray, memoryview)):
                raise EncodeError("a file must be open in binary mode to be sent")
            data = memoryview(found).tobytes()
            self.files[id(file)] = file, data
        return data


def restore(tree: Any, attachments: list[bytes]) -> Any:
    """Return a decoded JSON tree with bytes where the placeholders were.

    The tree is changed. There is no recursion, so it may have any depth.

    Raises:
        ProtocolError: A placeholder names an attachment that does not exist.
    """
    root = [tree]
    unseen: list[Any] = [root]
    while unseen:
        node = unseen.pop()
        pairs = node.items() if isinstance(node, dict) else enumerate(node)
        for key, value in pairs:
            if isinstance(value, dict):
                if value.get("_placeholder") is True:
                    node[key] = _attachment(value.get("num"), attachments)
                elif value:
                    unseen.append(value)
            elif isinstance(value, list):
                unseen.append(value)
    return root[0]


def _attachment(number: Any, attachments: list[bytes]) -> bytes:
    # Some languages write 0.0 for 0.
    if type(number) is float and number.is_integer():
        number = int(number)
    if type(number) is not int or not 0 <= number < len(attachments):
        raise ProtocolError("illegal attachments")
    return attachments[number]
