"""Take bytes out of a JSON tree, put them back.

Bytes travel beside the text, and a placeholder in the text says where they belong.

Spec: Socket.IO protocol v5, "Packet encoding".
"""

from __future__ import annotations

from typing import Any

from sockio.errors import EncodeError, ProtocolError

from .plain import cannot_travel, plain

__all__ = ["Attachments", "restore"]


class Attachments(list[bytes]):
    """The bytes met while one packet is written, in order.

    ``take`` is what a JSON library calls for each value that it does not know.
    """

    #: What was read from files, by id: a second pass over the tree needs it again.
    files: dict[int, bytes] | None = None

    def take(self, value: Any) -> Any:
        """Keep the bytes of ``value`` and return what stands for them in the text.

        A value that is not bytes is returned in a form that JSON knows.

        Raises:
            EncodeError: There is no such form.
        """
        if isinstance(value, bytes):
            return self.place(value)
        if isinstance(value, (bytearray, memoryview)):
            return self.place(bytes(value))
        if callable(getattr(value, "read", None)):
            return self.place(self._read(value))
        try:
            view = memoryview(value)
        except TypeError:
            return plain(value)
        if view.ndim == 0:  # a number in a buffer, as NumPy's are
            try:
                return view[()]
            except NotImplementedError as exc:
                raise cannot_travel(value) from exc
        return self.place(view.tobytes())

    def place(self, data: bytes) -> Any:
        """Keep ``data`` and return what stands for it."""
        self.append(data)
        return {"_placeholder": True, "num": len(self) - 1}

    def _read(self, file: Any) -> bytes:
        if self.files is None:
            self.files = {}
        data = self.files.get(id(file))
        if data is None:
            content = file.read()
            if not isinstance(content, (bytes, bytearray, memoryview)):
                raise EncodeError("a file must be open in binary mode to be sent")
            data = self.files[id(file)] = bytes(content)
        return data


def restore(tree: Any, attachments: list[bytes]) -> Any:
    """Return a decoded JSON tree with bytes where the placeholders were.

    The tree is changed. Whatever the depth, the stack is not used up.

    Raises:
        ProtocolError: A placeholder names an attachment that there is not.
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
    if type(number) is not int or not 0 <= number < len(attachments):
        raise ProtocolError("illegal attachments")
    return attachments[number]
