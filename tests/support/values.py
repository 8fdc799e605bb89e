"""Values of every type that an application may send, and what a client gets of them.

They are made anew for each use, since files are read, and iterators used up.
"""

from __future__ import annotations

import array
import collections
import ctypes
import enum
import fractions
import io
import ipaddress
import mmap
import pathlib
import pickle
import struct
import tempfile
import types
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any, NamedTuple

import markupsafe
import msgspec
import numpy
from django.utils.functional import SimpleLazyObject, lazystr
from django.utils.safestring import mark_safe
from werkzeug.datastructures import MultiDict
from werkzeug.local import LocalProxy

__all__ = ["REFUSED", "SENT", "shown"]

UTC = timezone.utc
ID = uuid.UUID(int=5)
numbers = numpy.arange(6, dtype="int16")


class Int64(int):
    """A subclass like bson's."""


class LyingInt(int):
    def __int__(self) -> int:
        return 7

    def __eq__(self, other: object) -> bool:
        raise RuntimeError

    __hash__ = int.__hash__


class Real(float): ...


class Text(str):
    def __str__(self) -> str:
        return "not this"


class Data(bytes):
    def __bytes__(self) -> bytes:
        return b"not this"


class Items(list[Any]): ...


class Attributes(dict[str, Any]):
    """A dict like bson's SON, or with secrets: it shows other items than it holds."""

    def items(self) -> Any:
        return {"shown": 1}.items()


class NotATime(datetime):
    """A value like pandas' NaT."""

    def __eq__(self, other: object) -> bool:
        return False

    def __ne__(self, other: object) -> bool:
        return True

    __hash__ = datetime.__hash__

    def date(self) -> Any:
        raise ValueError("NaTType does not support date")


class Colour(enum.Enum):
    RED = "red"
    PAIR = (1, 2)


class Word(str, enum.Enum):
    HELLO = "hello"


class Size(enum.IntEnum):
    BIG = 2


class Floor(enum.Flag):
    FIRST = 1
    SECOND = 2


class Right(enum.IntFlag):
    READ = 1
    WRITE = 2


@dataclass
class Move:
    to: str
    _seen: bool = False

    def read(self) -> bytes:
        raise RuntimeError("it is no file")


@dataclass
class Slotted:
    __slots__ = ("a",)
    a: int


class Model(msgspec.Struct):
    a: int = 1


class Point(NamedTuple):
    x: int
    y: Any


class Record(ctypes.Structure):
    _fields_ = (("a", ctypes.c_char), ("p", ctypes.c_void_p))


class Lines(Mapping[str, int]):
    """A mapping that fails when it is read."""

    def __getitem__(self, key: str) -> int:
        raise OSError("the disk is on fire")

    def __iter__(self) -> Iterator[str]:
        return iter("ab")

    def __len__(self) -> int:
        return 2


def unfilled() -> Any:
    return Slotted.__new__(Slotted)


def cyclic_list() -> Any:
    value: list[Any] = []
    value.append(value)
    return value


def cyclic_dict() -> Any:
    value: dict[str, Any] = {}
    value["again"] = {"and": value}
    return value


def cyclic_mapping() -> Any:
    value: Any = collections.UserDict()
    value["again"] = value
    return value


def nested(depth: int) -> Any:
    value: Any = "end"
    for _ in range(depth):
        value = [value]
    return value


def ordered() -> Any:
    value = collections.OrderedDict(a=1, b=2)
    value.move_to_end("a")
    return value


def mapped(content: bytes) -> Any:
    file = mmap.mmap(-1, len(content))
    file.write(content)
    file.seek(0)
    return file


def closed() -> Any:
    file = io.BytesIO(b"x")
    file.close()
    return file


def released() -> Any:
    view = memoryview(b"x")
    view.release()
    return view


def memory_map() -> Any:
    with tempfile.NamedTemporaryFile() as file:
        made: Any = numpy.memmap(file.name, dtype="u1", mode="w+", shape=(3,))
        made[:] = (1, 2, 3)
        return made


def scalar(format: str, number: Any) -> Any:
    """Return a number in a buffer of no dimensions.

    The buffer is not a memoryview's: CPython up to 3.12.6 crashes when it finds such a
    buffer in a reference cycle.
    """
    return pickle.PickleBuffer(numpy.array(number, format))  # type: ignore[arg-type]


#: Values and what a client gets of each, by a name for the test's report. Bytes arrive
#: as bytes.
SENT: dict[str, tuple[Callable[[], Any], Any]] = {
    # ---- what JSON knows, and its subclasses
    "None": (lambda: None, None),
    "bool": (lambda: [True, False], [True, False]),
    "int": (lambda: [0, -1, 2**53, -(2**53)], [0, -1, 2**53, -(2**53)]),
    "int of 64 bits": (lambda: [2**63, -(2**63)], [2.0**63, -(2.0**63)]),
    "int beyond 64 bits": (lambda: [2**70, -(2**70)], [2.0**70, -(2.0**70)]),
    "int beyond all floats": (lambda: [10**400, -(10**400)], [None, None]),
    "int of many digits": (lambda: [10**5000, 1], [None, 1]),
    "float": (lambda: [0.1, -0.5, 1e300, 5e-324], [0.1, -0.5, 1e300, 5e-324]),
    "nan, inf": (lambda: [float("nan"), float("-inf")], [None, None]),
    "str": (lambda: "é😀\u2028\0", "é😀\u2028\0"),
    "int subclass": (lambda: [Int64(5), Int64(2**62)], [5, 2**62]),
    "int subclass that lies": (lambda: LyingInt(5), 5),
    "int subclass, large": (lambda: Int64(10**400), None),
    "float subclass": (lambda: [Real(1.5), Real("nan")], [1.5, None]),
    "str subclass": (lambda: Text("a"), "a"),
    "list subclass": (lambda: Items([1, Items()]), [1, []]),
    "dict subclass": (lambda: Attributes(hidden=1), {"shown": 1}),
    "tuple": (lambda: (1, (2,), ()), [1, [2], []]),
    "namedtuple": (lambda: Point(1, Point(2, b"x")), [1, [2, b"x"]]),
    "defaultdict": (lambda: collections.defaultdict(int, a=1), {"a": 1}),
    "OrderedDict": (ordered, {"b": 2, "a": 1}),
    "Counter": (lambda: collections.Counter("a"), {"a": 1}),
    "MultiDict": (lambda: MultiDict([("a", 1), ("a", 2)]), {"a": 1}),
    "keys": (
        lambda: {Text("t"): 1, Word.HELLO: 2, 5: 3, 1.5: 4, True: 5, None: 6, -3: 7},
        {"t": 1, "hello": 2, "5": 3, "1.5": 4, "true": 5, "null": 6, "-3": 7},
    ),
    "key subclasses": (
        lambda: {Int64(5): 1, Size.BIG: 2, numpy.float64(0.5): 3, numpy.str_("s"): 4},
        {"5": 1, "2": 2, "0.5": 3, "s": 4},
    ),
    "deep": (lambda: nested(300), nested(300)),
    # ---- what has a form of text, or of an object
    "Decimal": (lambda: [Decimal("1.50"), Decimal("NaN")], ["1.50", "NaN"]),
    "datetime": (lambda: datetime(2024, 5, 1, 12, 30), "2024-05-01T12:30:00"),
    "datetime, UTC": (
        lambda: datetime(2024, 5, 1, tzinfo=UTC),
        "2024-05-01T00:00:00+00:00",
    ),
    "no datetime": (lambda: [NotATime(2024, 5, 1)], [None]),
    "date, time": (lambda: [date(2024, 5, 1), time(12)], ["2024-05-01", "12:00:00"]),
    "UUID": (lambda: ID, str(ID)),
    "Enum": (lambda: [Colour.RED, Colour.PAIR], ["red", [1, 2]]),
    "str Enum": (lambda: Word.HELLO, "hello"),
    "IntEnum": (lambda: Size.BIG, 2),
    "Flag": (lambda: [Floor.FIRST | Floor.SECOND, Right.WRITE], [3, 2]),
    "dataclass": (lambda: Move("e4"), {"to": "e4"}),
    "slotted dataclass": (lambda: Slotted(1), {"a": 1}),
    "UserDict": (lambda: collections.UserDict(a=Size.BIG), {"a": 2}),
    "ChainMap": (lambda: collections.ChainMap({"a": 1}, {"b": 2}), {"b": 2, "a": 1}),
    "mappingproxy": (lambda: types.MappingProxyType({"a": b"x"}), {"a": b"x"}),
    "lazy text": (lambda: lazystr("text"), "text"),
    "safe text": (lambda: [mark_safe("<b>"), markupsafe.Markup("<i>")], ["<b>", "<i>"]),
    "proxies": (
        lambda: [
            LocalProxy(lambda: "text"),
            LocalProxy(lambda: [1]),
            LocalProxy(lambda: {"a": 1}),
            LocalProxy(lambda: True),
            LocalProxy(lambda: 5),
            SimpleLazyObject(lambda: "text"),
        ],
        ["text", [1], {"a": 1}, True, 5, "text"],
    ),
    # ---- bytes, and what is read
    "bytes": (lambda: [b"", b"\0\xff"], [b"", b"\0\xff"]),
    "bytes subclass": (lambda: Data(b"ab"), b"ab"),
    "bytearray": (lambda: bytearray(b"ab"), b"ab"),
    "memoryview": (lambda: memoryview(b"abcd")[::2], b"ac"),
    **{
        f"memoryview of {format}": (
            lambda format=format: memoryview(bytes(8)).cast(format),  # type: ignore[misc]
            bytes(8),
        )
        for format in "bBchHiIlLqQnNfd?"
    },
    **{
        f"array of {code}": (
            lambda code=code: array.array(code, [1, 2]),  # type: ignore[misc]
            array.array(code, [1, 2]).tobytes(),
        )
        for code in "bBhHiIlLqQfd"
    },
    "ctypes array": (lambda: (ctypes.c_uint8 * 3)(1, 2, 3), b"\1\2\3"),
    "ctypes array of arrays": (
        lambda: (ctypes.c_uint8 * 2 * 2)((1, 2), (3, 4)),  # type: ignore[misc]
        b"\1\2\3\4",
    ),
    "ctypes chars": (lambda: (ctypes.c_char * 3)(b"a"), b"a\0\0"),
    "mmap": (lambda: mapped(b"mapped"), b"mapped"),
    "BytesIO": (lambda: io.BytesIO(b"file"), b"file"),
    "buffered file": (lambda: io.BufferedReader(io.BytesIO(b"file")), b"file"),
    "number in a buffer": (
        lambda: [scalar("d", 1.5), scalar("b", -1), scalar("?", True)],
        [1.5, -1, True],
    ),
    # ---- NumPy
    **{
        f"numpy {dtype}": (
            lambda dtype=dtype: [numpy.ones(2, dtype), numpy.ones((), dtype)[()]],  # type: ignore[misc]
            [numpy.ones(2, dtype).tobytes(), numpy.ones((), dtype).item()],
        )
        for dtype in [
            *("?", "b", "B", "h", "H", "i", "I", "l", "L", "q", "Q", "e", "f", "d"),
            *(">i2", "<i2", ">f4", ">u8"),
        ]
    },
    "numpy complex": (lambda: numpy.ones(1, "D"), struct.pack("dd", 1.0, 0.0)),
    "numpy 0-d": (
        lambda: [numpy.array(5, ">i4"), numpy.array(0.5, "e"), numpy.array(True)],
        [5, 0.5, True],
    ),
    "numpy not contiguous": (lambda: numbers[::2], numbers[::2].tobytes()),
    "numpy reversed": (lambda: numbers[::-1], numbers[::-1].tobytes()),
    "numpy by columns": (
        lambda: numpy.asfortranarray(numbers.reshape(2, 3)),
        numbers.tobytes(),
    ),
    "numpy read-only": (lambda: numpy.broadcast_to(numbers[1], (3,)), b"\1\0" * 3),
    "numpy empty": (lambda: numpy.zeros((0, 3)), b""),
    "numpy memmap": (memory_map, b"\1\2\3"),
    "numpy text, bytes": (lambda: [numpy.str_("a"), numpy.bytes_(b"b")], ["a", b"b"]),
    "numpy nan": (lambda: [numpy.float32("nan"), numpy.float64("inf")], [None, None]),
}

#: What cannot be sent, in either form.
REFUSED: dict[str, Callable[[], Any]] = {
    "object": object,
    "a class": lambda: Move,
    "a class of files": lambda: io.BytesIO,
    "function": lambda: [len],
    "module": lambda: types,
    "set": lambda: {1},
    "frozenset": lambda: frozenset((1,)),
    "generator": lambda: (n for n in "ab"),
    "range": lambda: range(2),
    "deque": lambda: collections.deque([1]),
    "dict views": lambda: {"a": 1}.items(),
    "timedelta": lambda: timedelta(1),
    "timezone": lambda: UTC,
    "complex": lambda: 1j,
    "Fraction": lambda: fractions.Fraction(1, 3),
    "Struct": Model,
    "path": lambda: pathlib.PurePosixPath("/a"),
    "address": lambda: ipaddress.ip_address("::1"),
    "exception": lambda: ValueError("x"),
    "open text": lambda: io.StringIO("text"),
    "closed file": closed,
    "released view": released,
    "mapping that fails": Lines,
    "unfilled slots": unfilled,
    "Enum of what cannot be sent": lambda: enum.Enum("E", {"A": object()}).A,  # type: ignore[attr-defined]
    "keys of bytes": lambda: {b"a": 1},
    "keys of tuples": lambda: {(1, 2): 1},
    "keys of dates": lambda: {date(2024, 5, 1): 1},
    "keys of an Enum": lambda: {Colour.RED: 1},
    "keys of UUIDs": lambda: {ID: 1},
    "keys of many digits": lambda: {10**5000: 1},
    "a list in itself": cyclic_list,
    "a dict in itself": cyclic_dict,
    "a mapping in itself": cyclic_mapping,
    "too deep": lambda: nested(100_000),
    "unbound proxy": lambda: LocalProxy(lambda: object()),
    # ---- memory with addresses, gaps, or a meaning of its own
    "array of text": lambda: array.array("w" if "w" in array.typecodes else "u", "ab"),
    "memoryview of P": lambda: memoryview(bytes(8)).cast("P"),
    "memoryview of objects": lambda: memoryview(numpy.array([object()])),  # type: ignore[arg-type]
    "ctypes number": lambda: ctypes.c_int(5),
    "ctypes pointers": lambda: (ctypes.c_void_p * 2)(1, 2),
    "ctypes char pointers": lambda: (ctypes.c_char_p * 1)(b"x"),
    "ctypes typed pointers": lambda: (ctypes.POINTER(ctypes.c_int) * 1)(),
    "ctypes objects": lambda: (ctypes.py_object * 1)(1),  # type: ignore[misc]
    "ctypes text": lambda: (ctypes.c_wchar * 2)("a"),
    "ctypes long double": lambda: (ctypes.c_longdouble * 1)(1.0),
    "ctypes structure": Record,
    "ctypes structures": lambda: (Record * 2)(),
    "numpy objects": lambda: numpy.array([object(), 1]),
    "numpy 0-d object": lambda: numpy.array(object()),
    "numpy record": lambda: numpy.array([(1, 2.0)], dtype="i1,f8"),
    "numpy recarray": lambda: numpy.rec.array([(1, 2.0)], dtype="i1,f8"),
    "numpy one record": lambda: numpy.array([(1, 2.0)], dtype="i1,f8")[0],
    "numpy void": lambda: numpy.void(b"ab"),
    "numpy voids": lambda: numpy.zeros(2, "V8"),
    "numpy dates": lambda: numpy.array(["2024-05-01"], "M8[s]"),
    "numpy date": lambda: numpy.datetime64("2024-05-01T00:00"),
    "numpy time span": lambda: numpy.timedelta64(5, "s"),
    "numpy time spans": lambda: numpy.array([5], "m8[s]"),
    "numpy 0-d date": lambda: numpy.array("2024-05-01", "M8[s]"),
    "numpy texts": lambda: numpy.array(["ab", "c"]),
    "numpy byte texts": lambda: numpy.array([b"ab", b"c"]),
    "numpy complex number": lambda: numpy.complex64(1j),
    "numpy long doubles": lambda: numpy.ones(2, numpy.longdouble),
    "numpy masked": lambda: numpy.ma.array([1, 2], mask=[False, True]),
    "numpy masked constant": lambda: numpy.ma.masked,
}


def shown(value: Any) -> str:
    """Write a value so that two of them can be compared.

    True is not 1, and bytes are not text; 2 and 2.0 are the same number, as for
    JavaScript, which also puts keys that are numbers before the others.
    """
    if isinstance(value, list):
        return "[" + ",".join(map(shown, value)) + "]"
    if isinstance(value, dict):
        order = value if not any(map(str.isdigit, value)) else sorted(value)
        return "{" + ",".join(f"{key!r}:{shown(value[key])}" for key in order) + "}"
    return repr(float(value) if type(value) is int else value)
