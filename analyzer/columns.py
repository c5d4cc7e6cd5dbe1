"""Columns of numbers: big-endian fields of many packets read at once, and tables that hold columns narrow."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, ClassVar, TypeVar

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

#: Columns are as narrow as their values allow: half a million messages then take a third of the memory.
Byte = NDArray[np.uint8]
Tiny = NDArray[np.int8]
Short = NDArray[np.int16]
Narrow = NDArray[np.int32]
Word = NDArray[np.uint32]
_WIDTHS: dict[str, Any] = {
    "Byte": np.uint8,
    "Tiny": np.int8,
    "Short": np.int16,
    "Narrow": np.int32,
    "Word": np.uint32,
    "Ints": np.int64,
    "NDArray[np.uint64]": np.uint64,
}

#: Missing number in an integer column.
MISSING = -1


def counts(groups: NDArray[Any], least: int = 0) -> Ints:
    """How often each number from 0 on occurs, for ``least`` numbers or more.

    This and the next two exist because NumPy takes indices only in the width of the machine, which in a browser has 32
    bits.

    Examples
    --------
    >>> counts(np.array([2, 0, 2]), 4).tolist()
    [1, 0, 2, 0]
    """
    return np.bincount(groups.astype(np.intp), minlength=least).astype(np.int64)


def repeated(values: NDArray[Any], times: Ints) -> NDArray[Any]:
    """Each value as many times as is said.

    Examples
    --------
    >>> repeated(np.array([7, 8]), np.array([1, 2])).tolist()
    [7, 8, 8]
    """
    return np.repeat(values, times.astype(np.intp))


def by_run(operation: np.ufunc, values: NDArray[Any], begins: Ints) -> NDArray[Any]:
    """An operation over each run of values, of which the first begins at 0; no run is empty.

    Examples
    --------
    >>> by_run(np.add, np.array([1, 2, 3]), np.array([0, 2])).tolist()
    [3, 3]
    """
    found: NDArray[Any] = operation.reduceat(values, begins.astype(np.intp))
    return found


class Gather:
    """Big-endian reads at arbitrary byte offsets of a buffer, vectorised.

    Offsets may be unaligned; they must leave room for the field inside ``buffer``: readers give ``SLACK`` bytes more.

    Examples
    --------
    >>> import numpy as np
    >>> g = Gather(np.frombuffer(bytes.fromhex("0001f4119400") + bytes(8), dtype=np.uint8))
    >>> g.u16(np.array([1, 3])).tolist()
    [500, 4500]
    """

    def __init__(self, buffer: NDArray[np.uint8]) -> None:
        self.buffer = buffer
        size = len(buffer)
        self._u16 = np.ndarray((max(size - 1, 0),), dtype=">u2", buffer=buffer, strides=(1,))
        self._u32 = np.ndarray((max(size - 3, 0),), dtype=">u4", buffer=buffer, strides=(1,))
        self._u64 = np.ndarray((max(size - 7, 0),), dtype=">u8", buffer=buffer, strides=(1,))

    def u8(self, at: Ints) -> Ints:
        return self.buffer[at].astype(np.int64)

    def u16(self, at: Ints) -> Ints:
        return self._u16[at].astype(np.int64)

    def u32(self, at: Ints) -> Ints:
        return self._u32[at].astype(np.int64)

    def u64(self, at: Ints) -> NDArray[np.uint64]:
        return self._u64[at].astype(np.uint64)


class Table:
    """A dataclass whose fields are columns of one length, annotated with one of the widths above."""

    __slots__ = ()
    __dataclass_fields__: ClassVar[dict[str, Any]]


SomeTable = TypeVar("SomeTable", bound=Table)


def narrowed(table: SomeTable) -> SomeTable:
    """The table with every column in the width that its class declares, and none a view that keeps another array."""
    for field_ in fields(table):
        column = np.ascontiguousarray(getattr(table, field_.name), dtype=_WIDTHS[str(field_.type)])
        setattr(table, field_.name, column if column.base is None else column.copy())
    return table


def table_of(kind: type[SomeTable], *columns: Any, **named: Any) -> SomeTable:
    """A table of columns of any width."""
    return narrowed(kind(*columns, **named))


def stack(kind: type[SomeTable], parts: list[SomeTable]) -> SomeTable:
    """One table of many of the same kind, rows in order. The parts are used up, column by column, to save memory."""
    columns: dict[str, Any] = {}
    for field_ in fields(kind):
        pieces = [getattr(part, field_.name) for part in parts]
        columns[field_.name] = np.concatenate(pieces) if pieces else np.empty(0, dtype=_WIDTHS[str(field_.type)])
        for part in parts:
            setattr(part, field_.name, None)
    return kind(**columns)


def take(table: SomeTable, order: Ints) -> SomeTable:
    """The table's rows in another order; the table is used up likewise."""
    columns: dict[str, Any] = {}
    for field_ in fields(table):
        columns[field_.name] = getattr(table, field_.name)[order]
        setattr(table, field_.name, None)
    return type(table)(**columns)
