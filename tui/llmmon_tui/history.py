"""The past of a window as the collector tells it, ready for charts and sparks."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from llmmon.errors import SchemaError

POINTS: Final = 120
"""Points asked for: about one for each dot column of a chart."""
MAX_POINTS: Final = 10_000
SETTLED_S: Final = 5.0
"""A bucket under way that has seen less than this is too noisy to show."""
ARRIVAL_S: Final = 1.5
"""How long events take to arrive, all but a few: until then a bucket looks emptier than it is."""
_SECOND_NS: Final = 1_000_000_000
_REFRESH_S: Final = (2.0, 30.0)

Points = list[tuple[float, float | None]]


@dataclass(frozen=True, slots=True)
class History:
    """Values by metric name, one a bucket of `step_ns` from `start_ns`; None where unknown.

    `told_ns` is when the collector told them: what it had not heard by then is not in them.
    """

    window_s: int
    start_ns: int
    step_ns: int
    metrics: Mapping[str, Sequence[float | None]]
    told_ns: int

    def points(self, name: str, until_ns: int) -> Points:
        """(t_s, value) of the buckets that have settled by `until_ns`, oldest first."""
        values = self.metrics.get(name, ())
        return [
            ((self.start_ns + index * self.step_ns) / _SECOND_NS, value)
            for index, value in enumerate(values)
            if self._is_settled(index, until_ns)
        ]

    @property
    def refresh_s(self) -> float:
        """How long it stays worth showing: about one bucket."""
        low, high = _REFRESH_S
        return min(high, max(low, self.step_ns / _SECOND_NS))

    def _is_settled(self, index: int, until_ns: int) -> bool:
        seen_ns = min(until_ns, self.told_ns) - (self.start_ns + index * self.step_ns)
        return seen_ns >= min(self.step_ns, SETTLED_S * _SECOND_NS) + ARRIVAL_S * _SECOND_NS


def parse_history(window_s: int, result: Any, told_ns: int) -> History:
    """The answer of the control method `history`, given at `told_ns` of the collector's clock.

    Raises:
        SchemaError: another shape than the protocol's.
    """
    match result:
        case {
            "start_ns": int() as start_ns,
            "step_ns": int() as step_ns,
            "metrics": dict() as told,
        }:
            if step_ns > 0:
                series = {str(name): _values(name, values) for name, values in told.items()}
                return History(window_s, start_ns, step_ns, series, told_ns)
    raise SchemaError("history: expected start_ns, step_ns above 0, and metrics")


def _values(name: Any, values: Any) -> tuple[float | None, ...]:
    if not isinstance(values, list) or len(values) > MAX_POINTS:
        raise SchemaError(f"history: {str(name)[:32]}: expected a list of numbers")
    return tuple(
        float(value) if isinstance(value, int | float) and math.isfinite(value) else None
        for value in values
    )
