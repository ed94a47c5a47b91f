"""Columns of many decoded tables as arrays, whatever form each of them travelled in. Pure.

Columns of one form are read together: a call a table costs more than its numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from itertools import chain
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from llmmon.protocol.event import Type
from llmmon.protocol.table import NEAR, Form, Table

_DTYPES: Final[dict[Type, Any]] = {
    Type.F32: np.dtype("<f4"),
    Type.F64: np.dtype("<f8"),
    Type.U8: np.dtype("u1"),
    Type.U32: np.dtype("<u4"),
    Type.U64: np.dtype("<u8"),
    Type.I64: np.dtype("<i8"),
}
_ROW: Final = np.dtype("<u4")
_NEAR: Final = {form.value: np.dtype(f"<u{form.value}") for form in NEAR}
_ALL, _SOME, _FEW, _LIST = (form.value for form in (Form.ALL, Form.SOME, Form.FEW, Form.LIST))
Integers = NDArray[np.int64]
Columns = Sequence[list[Any]]
"""Columns of one field as they travelled: ``[number, form, ...]``."""


class Told(NamedTuple):
    """The values that a column has, each row's at most once."""

    rows: Integers | None
    """Which rows have them, in no order; None where all do, in order."""
    values: NDArray[Any]
    """In the type in which the field travels; it may be read-only."""


class Stack:
    """Tables of one kind of event as one: their rows, one table's behind the other's."""

    def __init__(self, tables: Sequence[Table]) -> None:
        self._fields = tables[0].fields if tables else {}
        self._packed = [table.packed for table in tables]
        self.lengths: Integers = np.array([table.events for table in tables], np.int64)
        """Rows of each table."""

    def __len__(self) -> int:
        return int(self.lengths.sum())

    @cached_property
    def starts(self) -> Integers:
        """The first row of each table."""
        return np.cumsum(self.lengths) - self.lengths

    def told(self, name: str) -> Told | None:
        """The values of a numeric column; None if no table has it."""
        with np.errstate(over="ignore"):
            parts = [self._part(*group) for group in self._by_form(name)]
        if len(parts) < 2:
            return parts[0] if parts else None
        rows = [part.rows for part in parts if part.rows is not None]
        return Told(np.concatenate(rows), np.concatenate([part.values for part in parts]))

    def numbers(self, name: str, dtype: type[np.generic], missing: float) -> NDArray[Any]:
        """A numeric column, ``missing`` where there is no value."""
        told = self.told(name)
        if told is not None and told.rows is None:
            return told.values.astype(dtype)
        into = np.full(len(self), missing, dtype)
        if told is not None:
            into[told.rows] = told.values
        return into

    def present(self, name: str) -> NDArray[np.bool_]:
        """Which rows have a value in a column of any type."""
        mask = np.zeros(len(self), np.bool_)
        for group in self._by_form(name):
            mask[self._rows(*group)] = True
        return mask

    def _by_form(self, name: str) -> list[tuple[Columns, Integers]]:
        """The columns of each form that there is, and the tables that they belong to."""
        columns = [packed.get(name) for packed in self._packed]
        found = [column for column in columns if column is not None]
        forms = [column[1] for column in found]
        kinds = set(forms)
        if len(kinds) == 1 and len(found) == len(columns):
            return [(found, np.arange(len(found)))]
        tables = np.array([i for i, column in enumerate(columns) if column is not None])
        groups: list[tuple[Columns, Integers]] = []
        for kind in kinds:
            at = [i for i, form in enumerate(forms) if form == kind]
            groups.append(([found[i] for i in at], tables[at]))
        return groups

    def _part(self, columns: Columns, tables: Integers) -> Told:
        """The values of columns of one form."""
        number, form, _ = columns[0][:3]
        dtype = _DTYPES[self._fields[number].type]
        given = [column[2] for column in columns]
        if form == _ALL or form in _NEAR:
            values = self._whole(columns, tables, dtype)
            whole = len(columns) == len(self._packed)
            return Told(None if whole else self._rows(columns, tables), values)
        rows = self._rows(columns, tables)
        match form:
            case Form.FEW:
                values = _unpacked([column[3] for column in columns], dtype)
            case Form.SAME:
                values = np.repeat(np.array(given, dtype), self.lengths[tables])
            case Form.LIST:
                known = [value for value in chain.from_iterable(given) if value is not None]
                values = np.array(known, dtype)
            case _:
                values = _unpacked(given, dtype)[_bits(columns, self.lengths[tables])]
        return Told(rows, values)

    def _whole(self, columns: Columns, tables: Integers, dtype: Any) -> NDArray[Any]:
        """The values of columns of a form that has one for every row."""
        above = _NEAR.get(columns[0][1])
        if above is None:
            return _unpacked([column[2] for column in columns], dtype)
        values = np.frombuffer(b"".join([column[3] for column in columns]), above).astype(dtype)
        values += np.repeat(
            np.array([column[2] for column in columns], dtype), self.lengths[tables]
        )
        return values

    def _rows(self, columns: Columns, tables: Integers) -> Integers:
        """The rows in which columns of one form have values."""
        lengths, starts = self.lengths[tables], self.starts[tables]
        form = columns[0][1]
        if form == _FEW:
            packed = [column[2] for column in columns]
            within = np.frombuffer(b"".join(packed), _ROW).astype(np.int64)
            within += np.repeat(starts, np.array(list(map(len, packed))) // _ROW.itemsize)
            return within
        rows = _ranges(starts, lengths)
        if form == _LIST:
            given = chain.from_iterable([column[2] for column in columns])
            return rows[np.array([value is not None for value in given], np.bool_)]
        return rows[_bits(columns, lengths)] if form == _SOME else rows


def numbers(
    tables: Sequence[Table], name: str, dtype: type[np.generic], missing: float
) -> NDArray[Any]:
    """A numeric column of many tables of one kind, ``missing`` where there is no value."""
    return Stack(tables).numbers(name, dtype, missing)


def _unpacked(parts: Sequence[Any], dtype: Any) -> NDArray[Any]:
    """Packed numbers, or lists of them, one after the other."""
    try:
        return np.frombuffer(b"".join(parts), dtype)
    except TypeError:
        return np.concatenate([_array(part, dtype) for part in parts])


def _array(part: Any, dtype: Any) -> NDArray[Any]:
    return np.frombuffer(part, dtype) if isinstance(part, bytes) else np.array(part, dtype)


def _bits(columns: Columns, lengths: Integers) -> NDArray[np.bool_]:
    """The bitmaps of columns of form ``some``, without what fills their last bytes."""
    bits = np.frombuffer(b"".join([column[3] for column in columns]), np.uint8)
    told = np.unpackbits(bits, bitorder="little").view(np.bool_)
    padded = (lengths + 7) // 8 * 8
    return told[_ranges(np.cumsum(padded) - padded, lengths)] if (padded > lengths).any() else told


def _ranges(starts: Integers, lengths: Integers) -> Integers:
    """``starts[0]`` and the ``lengths[0] - 1`` numbers after it, and so on."""
    before = np.cumsum(lengths) - lengths
    ranges: Integers = np.arange(int(lengths.sum())) + np.repeat(starts - before, lengths)
    return ranges
