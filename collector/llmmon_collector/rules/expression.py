"""A compiled expression: operations on columns, which can be run and explained. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import numpy as np

from llmmon_collector.metrics import MetricTable
from llmmon_collector.rules.families import REQUESTS
from llmmon_collector.rules.operations import Column

MINUTE_NS: Final = 60 * 10**9
POINTS: Final = 240
"""Most points that are kept of a duration."""


@dataclass(frozen=True, slots=True)
class Recall:
    """A call of a function of the past, such as ``avg_over(latency_p95, "10m")``."""

    function: str
    inner: Node
    """What it is of."""
    span_s: float
    """How far back it looks."""
    ahead_s: float = 0.0
    """How far ahead ``predict`` looks."""

    @property
    def step_ns(self) -> int:
        """Between two recorded points: a minute, or a 240th of the duration if that is longer."""
        return max(MINUTE_NS, round(self.span_s * 1e9 / POINTS))

    @property
    def slots(self) -> int:
        """Steps in its duration."""
        return math.ceil(round(self.span_s * 1e9) / self.step_ns)


def _no_measurements(check: str, measurement: str) -> float | None:
    return None


def _no_past(recall: Recall, present: Column) -> Column:
    return np.full(len(present), np.nan)


class Scope(NamedTuple):
    """What an expression is evaluated on."""

    table: MetricTable
    measure: Callable[[str, str], float | None] = _no_measurements
    """As ``Sources.measure``."""
    recall: Callable[[Recall, Column], Column] = _no_past
    """The result of a function of the past, given the present values of what it is of."""


Operation = Callable[[Scope], Column]


@dataclass(frozen=True, slots=True)
class Node:
    """A part of an expression."""

    text: str
    """As it is written, blanks made single."""
    operation: Operation
    parts: tuple[Node, ...] = ()
    metrics: frozenset[str] = frozenset()
    """Those it names itself; see :meth:`walk` for its parts."""
    checks: frozenset[tuple[str, str]] = frozenset()
    recall: Recall | None = None
    constant: bool = False

    def walk(self) -> Iterator[Node]:
        """This and all its parts, outermost first, left to right."""
        yield self
        for part in self.parts:
            yield from part.walk()


@dataclass(frozen=True, slots=True)
class ValueExpression:
    """A compiled value expression."""

    text: str
    root: Node
    family: str = REQUESTS
    """Of its metrics; ``requests`` where it names none."""
    metrics: frozenset[str] = field(init=False)
    """The metrics it reads."""
    checks: frozenset[tuple[str, str]] = field(init=False)
    """The checks it reads, with the measurement, empty for the plain value."""
    recalls: tuple[Recall, ...] = field(init=False)
    """Its functions of the past."""

    def __post_init__(self) -> None:
        nodes = tuple(self.root.walk())
        object.__setattr__(self, "metrics", frozenset().union(*(node.metrics for node in nodes)))
        object.__setattr__(self, "checks", frozenset().union(*(node.checks for node in nodes)))
        recalls = tuple(node.recall for node in nodes if node.recall is not None)
        object.__setattr__(self, "recalls", recalls)

    def evaluate(self, scope: Scope) -> Column:
        """A value a row of the table; NaN for no data, a division by zero and infinity."""
        return run(self.root, scope)

    def explain(self, scope: Scope, row: int) -> list[tuple[str, float | None]]:
        """Each part of the expression with its value in ``row``, None for none, outermost first.

        Numbers are left out, and of parts that are written alike all but the first.
        """
        told: dict[str, float | None] = {}
        for node in self.root.walk():
            if not node.constant and node.text not in told:
                value = float(run(node, scope)[row])
                told[node.text] = None if math.isnan(value) else value
        return list(told.items())


def run(node: Node, scope: Scope) -> Column:
    """The values of ``node``, without numpy's warnings."""
    with np.errstate(all="ignore"):
        return node.operation(scope)
