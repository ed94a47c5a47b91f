"""History of rules: past values of expressions, recorded in memory at whole steps of wall time.

Functions of the past share a ring where table, expression and step are the same. A point is the
value at the first evaluation in its step; what came before the first evaluation can be filled in
from elsewhere. Pure: times come in as arguments.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from llmmon_collector.metrics import MetricTable
from llmmon_collector.rules.expression import MINUTE_NS, Node, Recall, Scope, run
from llmmon_collector.rules.families import REQUESTS
from llmmon_collector.rules.lookback import (
    Summary,
    compare,
    conclude,
    is_comparison,
    reach,
    summarise,
)
from llmmon_collector.rules.operations import Column, finite
from llmmon_collector.rules.ring import Ring
from llmmon_collector.rules.rows import RowIndex
from llmmon_collector.rules.tables import TableKey

MAX_POINTS: Final = 10_000_000
"""Points, steps times groups, that all rules together may keep: 80 MB."""


@dataclass(frozen=True, slots=True)
class PastQuestion:
    """A past that is not in memory: the tables as of ``since_ns``, a step later, and so on."""

    window_s: int
    by: tuple[str, ...]
    where_text: str
    value_text: str
    """The expression that will be read from them."""
    since_ns: int
    until_ns: int
    """Before this; wall clock, as ``since_ns``. Both are whole steps."""
    step_ns: int


class _RingKey(NamedTuple):
    table: TableKey
    value_text: str
    step_ns: int


@dataclass(slots=True)
class _Past:
    """The past of one expression."""

    inner: Node
    ring: Ring
    filled: bool = False
    """Whether what came before the first record was asked for and told."""
    ask_from_ns: int = 0
    """Not to be asked for before."""
    unshifted_ns: int = 0
    """Of the steps of the clock, what does not make up a whole step of the ring."""
    summaries: dict[tuple[str, int], tuple[int, Summary]] = field(default_factory=dict)
    """By function and slots, with the version of the ring that they are of."""


class History:
    """The rings of all rules, and the bound on their memory."""

    def __init__(self, max_points: int = MAX_POINTS) -> None:
        self._pasts: dict[_RingKey, _Past] = {}
        self._room = max_points

    def use(self, wanted: Iterable[tuple[TableKey, Recall]]) -> None:
        """Keep what these need from now on, with what is known of it, and forget the rest."""
        longest: dict[_RingKey, Recall] = {}
        for table, recall in wanted:
            key = _ring_key(table, recall)
            longest[key] = max(longest.get(key, recall), recall, key=reach)
        for key in self._pasts.keys() - longest.keys():
            self._room += self._pasts.pop(key).ring.points
        for key, recall in longest.items():
            self._keep(key, recall)

    def record(
        self, table: TableKey, index: RowIndex, now_ns: int, recall: Recall, scope: Scope
    ) -> None:
        """Note the present values of what ``recall`` is of, if its step has yet none."""
        past = self._pasts[_ring_key(table, recall)]
        slot = now_ns // recall.step_ns
        if not past.ring.is_due(slot):
            return
        before = past.ring.points
        past.ring.record(slot, index, finite(run(recall.inner, scope)), self._room)
        self._room -= past.ring.points - before

    def recall(
        self, table: TableKey, index: RowIndex, now_ns: int, recall: Recall, present: Column
    ) -> Column:
        """The result of ``recall`` a row of ``index``."""
        past = self._pasts[_ring_key(table, recall)]
        slot = now_ns // recall.step_ns
        past.ring.advance(slot)
        columns = past.ring.columns(index)
        if is_comparison(recall):
            return finite(compare(recall, past.ring, columns, present, now_ns))
        summary = tuple(part[columns] for part in self._summary(past, recall, slot))
        elapsed = now_ns / recall.step_ns - slot
        return finite(conclude(recall, summary, present, elapsed))

    def problem(self, table: TableKey, recalls: Iterable[Recall]) -> str:
        """What is wrong with the past of a rule; empty for nothing."""
        refused = max((self._pasts[_ring_key(table, r)].ring.refused for r in recalls), default=0)
        if not refused:
            return ""
        return (
            f"no room for the past of {refused} groups: group by less, filter, or look back "
            "over shorter durations"
        )

    def wanted(self, now_ns: int) -> tuple[PastQuestion, ...]:
        """What came before the first record, of requests: the store may know it."""
        questions = []
        for key, past in self._pasts.items():
            asks = key.table.family == REQUESTS and not past.filled and now_ns >= past.ask_from_ns
            if not asks or any(node.checks for node in past.inner.walk()):
                continue
            newest = now_ns // key.step_ns
            past.ring.advance(newest)
            began = newest + 1 if past.ring.began is None else min(past.ring.began, newest + 1)
            first = max(0, newest - past.ring.slots + 1)
            if first < began:
                questions.append(_question(key, first, began))
        return tuple(questions)

    def fill(self, question: PastQuestion, points: Iterable[tuple[int, MetricTable]]) -> None:
        """Take the answer: tables with their wall times. What was recorded live stays."""
        key = _key_of(question)
        past = self._pasts.get(key)
        if past is None:
            return
        index: RowIndex | None = None
        before = past.ring.points
        for at_ns, table in points:
            if index is None or not index.is_of(table.labels):
                index = RowIndex(table.labels, question.by)
            column = finite(run(past.inner, Scope(table)))
            room = self._room - (past.ring.points - before)
            past.ring.fill(at_ns // question.step_ns, index, column, room)
        self._room -= past.ring.points - before
        newest = past.ring.newest or 0
        # unless it was asked before a reload made the ring longer
        past.filled = question.since_ns // key.step_ns <= max(0, newest - past.ring.slots + 1)

    def ask_again(self, question: PastQuestion, now_ns: int) -> None:
        """``question`` could not be answered at ``now_ns``: want it again a minute later."""
        past = self._pasts.get(_key_of(question))
        if past is not None:
            past.ask_from_ns = now_ns + MINUTE_NS

    def set_clock(self, moved_ns: int) -> None:
        """The wall clock was set forward by ``moved_ns``, or back: points keep their age."""
        for key, past in self._pasts.items():
            slots = round((past.unshifted_ns + moved_ns) / key.step_ns)
            past.unshifted_ns += moved_ns - slots * key.step_ns
            past.ring.shift(slots)
            past.ask_from_ns += moved_ns

    def _keep(self, key: _RingKey, recall: Recall) -> None:
        slots = reach(recall)
        past = self._pasts.get(key)
        if past is None:
            past = self._pasts[key] = _Past(recall.inner, Ring(slots))
            self._room -= past.ring.points
        elif past.ring.slots != slots:
            past.filled = past.filled and slots < past.ring.slots
            before = past.ring.points
            past.ring.resize(slots)
            self._room -= past.ring.points - before

    def _summary(self, past: _Past, recall: Recall, slot: int) -> Summary:
        of, version = (recall.function, recall.slots), past.ring.version
        known = past.summaries.get(of)
        if known is None or known[0] != version:
            known = past.summaries[of] = version, summarise(recall, past.ring, slot)
        return known[1]


def _ring_key(table: TableKey, recall: Recall) -> _RingKey:
    return _RingKey(table, recall.inner.text, recall.step_ns)


def _question(key: _RingKey, first: int, end: int) -> PastQuestion:
    table, step_ns = key.table, key.step_ns
    since_ns, until_ns = first * step_ns, end * step_ns
    return PastQuestion(
        table.window_s, table.by, table.where, key.value_text, since_ns, until_ns, step_ns
    )


def _key_of(question: PastQuestion) -> _RingKey:
    table = TableKey(REQUESTS, question.window_s, question.by, question.where_text)
    return _RingKey(table, question.value_text, question.step_ns)
