"""The tables that rules read, each once a tick, with what is kept from tick to tick. Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from llmmon_collector.metrics import MetricTable, Sources
from llmmon_collector.rules.families import REQUESTS
from llmmon_collector.rules.filter import WhereLabels, compile_where, compile_where_labels
from llmmon_collector.rules.model import RuleSpec
from llmmon_collector.rules.rows import RowIndex
from llmmon_collector.series import Where


class TableKey(NamedTuple):
    """What makes a table: rules that agree on it share one."""

    family: str
    window_s: int
    by: tuple[str, ...]
    where: str


@dataclass(frozen=True, slots=True)
class Indexed:
    """A table whose rows can be found."""

    table: MetricTable
    index: RowIndex


class _Picked(NamedTuple):
    """The rows of a family that a filter leaves."""

    rows: NDArray[np.intp]
    labels: tuple[dict[str, str], ...]


def table_key(spec: RuleSpec) -> TableKey:
    """The table that the rule reads."""
    if spec.family != REQUESTS:
        return TableKey(spec.family, 0, (), spec.where)
    return TableKey(REQUESTS, int(spec.window_s), spec.by, spec.where)


class Tables:
    """Filters and row indexes of the tables in use."""

    def __init__(self) -> None:
        self._keys: frozenset[TableKey] = frozenset()
        self._filters: dict[str, Where] = {}
        self._label_filters: dict[TableKey, WhereLabels] = {}
        self._indexes: dict[TableKey, RowIndex] = {}
        self._picked: dict[TableKey, tuple[RowIndex, _Picked]] = {}
        self._families: dict[str, MetricTable] = {}
        """The whole tables of this evaluation."""

    def use(self, keys: Collection[TableKey]) -> None:
        """Read these from now on.

        A filter is the same object for as long as its text is used: sources cache tables by it.
        """
        self._keys = frozenset(keys)
        texts = {key.where for key in keys if key.family == REQUESTS} - {""}
        self._filters = {text: self._filters.get(text) or compile_where(text) for text in texts}
        self._label_filters = {
            key: compile_where_labels(key.where, key.family)
            for key in keys
            if key.family != REQUESTS and key.where
        }
        self._indexes.clear()
        self._picked.clear()

    def begin(self) -> None:
        """An evaluation begins: tables are to be read anew."""
        self._families.clear()

    def read(self, sources: Sources, key: TableKey) -> Indexed | None:
        """The table of ``key``; None where the sources do not have its family.

        Raises whatever the source raises.
        """
        if key.family == REQUESTS:
            table = sources.requests(key.window_s, key.by, self._filters.get(key.where))
            return Indexed(table, self.index(key, table))
        make = sources.families.get(key.family)
        if make is None:
            return None
        if key.family not in self._families:
            self._families[key.family] = make()
        table = self._families[key.family]
        if key.where:
            table = self._pick(key, table)
        return Indexed(table, self.index(key, table))

    def index(self, key: TableKey, table: MetricTable) -> RowIndex:
        """The rows of ``table``; the same object as before while the labels are."""
        known = self._indexes.get(key)
        if known is None or not known.is_of(table.labels):
            by = key.by if key.family == REQUESTS else None
            known = self._indexes[key] = RowIndex(table.labels, by)
        return known

    def _pick(self, key: TableKey, table: MetricTable) -> MetricTable:
        whole = self.index(key._replace(where=""), table)
        known = self._picked.get(key)
        if known is None or known[0] is not whole:
            picks = self._label_filters[key]
            rows = np.array([i for i, labels in enumerate(table.labels) if picks(labels)], np.intp)
            picked = _Picked(rows, tuple(table.labels[i] for i in rows.tolist()))
            known = self._picked[key] = (whole, picked)
        rows, labels = known[1]
        values = {name: column[rows] for name, column in table.values.items()}
        return MetricTable(labels, values, table.requests[rows])
