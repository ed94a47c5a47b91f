"""The groups of one window, as columns: a name once, then a number a group.

A group is read on demand, so that who shows twenty of a thousand, in one window of four, unpacks
that one window only. A metric's column is packed little-endian: 8 bytes a group (``float64``), 4
(``float32``) where that holds every value exactly, none where no group has a value. NaN is no
value.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite, isnan, nan
from typing import Any, Final, overload

from llmmon.errors import SchemaError
from llmmon.protocol.names import METRICS

Value = float | int | None
Metrics = Mapping[str, Value]
"""Values by metric name; None where a window holds nothing to tell it from."""

WHOLE: Final = frozenset(
    name for name, metric in METRICS.items() if metric.unit in {"count", "tokens"}
)
"""Metrics that are integers."""
MAX_GROUPS: Final = 200_000
_MAX_NAMES: Final = 256
_TYPES: Final = {4: "f", 8: "d"}


@dataclass(frozen=True, slots=True)
class Group:
    """One series or group in one window."""

    labels: Mapping[str, str]
    metrics: Metrics


class Groups(Sequence[Group]):
    """Groups that have the same labels and metrics by name."""

    __slots__ = ("_labels", "_lists", "_packed", "_size")

    def __init__(
        self, size: int, labels: Mapping[str, Sequence[str]], packed: Mapping[str, bytes]
    ) -> None:
        """``labels`` has a text a group and label, ``packed`` a column of ``size`` a metric."""
        self._size = size
        self._labels = labels
        self._packed = packed
        self._lists: list[list[Value]] | None = None

    @classmethod
    def of(cls, groups: Sequence[Group]) -> Groups:
        """``groups`` as columns; they must have the same labels."""
        if isinstance(groups, cls):
            return groups
        names = dict.fromkeys(name for group in groups for name in group.metrics)
        labels = {
            label: [group.labels[label] for group in groups]
            for label in (groups[0].labels if groups else ())
        }
        packed = {name: _pack(group.metrics.get(name) for group in groups) for name in names}
        return cls(len(groups), labels, packed)

    @classmethod
    def from_plain(cls, plain: Any) -> Groups:
        """The groups behind what ``plain`` made.

        Raises:
            SchemaError: any other shape, type or length.
        """
        match plain:
            case [int() as size, dict() as labels, dict() as packed] if 0 <= size <= MAX_GROUPS:
                _check(size, labels, packed)
                return cls(size, labels, packed)
        raise SchemaError("groups: expected [size, labels, metrics]")

    def plain(self) -> list[Any]:
        """The groups as plain values for msgpack: ``[size, {label: texts}, {metric: column}]``."""
        return [self._size, self._labels, self._packed]

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[Group]:
        names, columns = tuple(self._packed), self._columns()
        keys = tuple(self._labels)
        values: Iterable[tuple[Value, ...]] = zip(*columns, strict=True)
        texts: Iterable[tuple[str, ...]] = zip(*self._labels.values(), strict=True)
        # no label or no metric at all: nothing to zip, and still so many groups
        texts = texts if keys else [()] * self._size
        values = values if names else [()] * self._size
        for text, row in zip(texts, values, strict=True):
            yield Group(dict(zip(keys, text, strict=True)), dict(zip(names, row, strict=True)))

    @overload
    def __getitem__(self, index: int) -> Group: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[Group, ...]: ...

    def __getitem__(self, index: int | slice) -> Group | tuple[Group, ...]:
        if isinstance(index, slice):
            return tuple(self)[index]
        labels = {key: texts[index] for key, texts in self._labels.items()}
        columns = zip(self._packed, self._columns(), strict=True)
        return Group(labels, {name: column[index] for name, column in columns})

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence):
            return NotImplemented
        return tuple(self) == tuple(other)

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        return f"Groups({list(self)!r})"

    def _columns(self) -> list[list[Value]]:
        if self._lists is None:
            self._lists = [
                _unpack(name, column, self._size) for name, column in self._packed.items()
            ]
        return self._lists


def _check(size: int, labels: Mapping[Any, Any], packed: Mapping[Any, Any]) -> None:
    if len(labels) > _MAX_NAMES or len(packed) > _MAX_NAMES:
        raise SchemaError("groups: too many labels or metrics")
    for label, texts in labels.items():
        fine = isinstance(texts, list) and len(texts) == size
        if not (fine and isinstance(label, str) and all(isinstance(text, str) for text in texts)):
            raise SchemaError("groups: expected a text a group for every label")
    for name, column in packed.items():
        fine = isinstance(name, str) and isinstance(column, bytes)
        if not fine or len(column) not in {0, 4 * size, 8 * size}:
            raise SchemaError("groups: expected a packed column for every metric")


def _pack(values: Iterable[Value]) -> bytes:
    column = array("d", (nan if value is None else value for value in values))
    return _little_endian(column).tobytes()


def _unpack(name: str, packed: bytes, size: int) -> list[Value]:
    if not packed:
        return [None] * size
    column = _little_endian(array(_TYPES[len(packed) // size], packed))
    if name in WHOLE:
        return [int(value) if isfinite(value) else None for value in column]
    return [None if isnan(value) else value for value in column]


def _little_endian(column: array[float]) -> array[float]:
    if sys.byteorder == "big":
        column.byteswap()
    return column
