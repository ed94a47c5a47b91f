"""What the operator has chosen to look at, and where a key press takes the choice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from llmmon.protocol.snapshot import GROUPINGS

WINDOWS_S: Final = (60, 300, 3600, 86400)
"""What a collector keeps unless told otherwise: offered until its first snapshot tells."""


@dataclass(frozen=True, slots=True)
class View:
    """The window, the grouping, the order and the filter of the tables."""

    window_s: int = 300
    by: str = "model"
    sort: str | None = None
    """Key of a column; None follows what breaches."""
    descending: bool = True
    filter: str = ""
    where: Mapping[str, str] = field(default_factory=dict)
    """The labels of the one group that tiles, charts and requests are narrowed to, if any."""
    compare: bool = False
    """Whether the same time yesterday is drawn beside."""
    utc: bool = False
    """Whether clocks show UTC instead of the viewer's zone."""


def step_window(view: View, windows_s: Sequence[int], step: int, wrap: bool = False) -> View:
    """The view on the window `step` places longer; at the ends it stays, or wraps around."""
    known = sorted(windows_s) or list(WINDOWS_S)
    at = known.index(nearest_window(known, view.window_s)) + step
    at = at % len(known) if wrap else max(0, min(at, len(known) - 1))
    return replace(view, window_s=known[at])


def nearest_window(windows_s: Sequence[int], window_s: int) -> int:
    """The window kept that is closest in length; `window_s` itself where none is known."""
    return min(windows_s, key=lambda known: abs(known - window_s), default=window_s)


def next_grouping(view: View) -> View:
    """The view by the next dimension; a narrowing to one group of the old one ends."""
    at = GROUPINGS.index(view.by) if view.by in GROUPINGS else -1
    return replace(view, by=GROUPINGS[(at + 1) % len(GROUPINGS)], where={})


def next_sort(view: View, columns: Sequence[str], current: str) -> View:
    """The view sorted by the column after `current`; past the last one by what breaches."""
    at = columns.index(current) + 1 if view.sort is not None and current in columns else 0
    return replace(view, sort=columns[at] if at < len(columns) else None, descending=True)


def sorted_by(view: View, column: str, columns: Sequence[str]) -> View:
    """The view sorted by a column that was clicked; by the same one again: the other way round."""
    if column not in columns:
        return view
    return replace(view, sort=column, descending=not view.descending or view.sort != column)
