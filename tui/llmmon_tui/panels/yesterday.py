"""The same time yesterday, beside what is shown: one day earlier on the collector's clock."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from llmmon.protocol.snapshot import Metrics, Snapshot
from llmmon_tui import fields
from llmmon_tui.history import POINTS, History, Points, parse_history
from llmmon_tui.model import Picture
from llmmon_tui.questions import Question
from llmmon_tui.view import nearest_window

DAY_S: Final = 86_400
CURVE: Final = "yesterday.curve"
TOTAL: Final = "yesterday.total"
_SECOND_NS: Final = 1_000_000_000
_MINUTE_NS: Final = 60 * _SECOND_NS
_REFRESH_S: Final = 60.0
_STORE_S: Final = 20.0


def questions(picture: Picture) -> tuple[Question, ...]:
    """Its curves, and its figures where the whole is shown; nothing while nobody compares."""
    window = picture.window
    if not picture.view.compare or window is None:
        return ()
    at_ns = picture.at_ns - DAY_S * _SECOND_NS
    view, window_s = picture.view, window.window_s
    curve = {"window_s": window_s, "points": POINTS, "end_ns": at_ns, "where": dict(view.where)}
    total_ = {"by": view.by, "at_ns": at_ns - at_ns % _MINUTE_NS, "windows_s": [window_s]}
    about = (window_s, view.by, tuple(sorted(view.where.items())))

    def parse_curve(result: Any) -> History:
        return parse_history(window_s, result, at_ns)

    return (
        Question(CURVE, "history", curve, parse_curve, about, _REFRESH_S),
        Question(TOTAL, "snapshot", total_, fields.snapshot, about, _REFRESH_S, _STORE_S),
    )


def points(picture: Picture, metric: str) -> Points:
    """Yesterday's points of a metric, moved on by a day; none while they are not known."""
    curve = picture.answer(CURVE).value if picture.view.compare else None
    if not isinstance(curve, History):
        return []
    until_ns = picture.at_ns - DAY_S * _SECOND_NS
    return [(t_s + DAY_S, value) for t_s, value in curve.points(metric, until_ns)]


def total(picture: Picture) -> Metrics:
    """Yesterday's figures of the whole, or of the group that is narrowed to."""
    snapshot = picture.answer(TOTAL).value if picture.view.compare else None
    if not isinstance(snapshot, Snapshot) or not snapshot.windows or picture.window is None:
        return {}
    kept = [window.window_s for window in snapshot.windows]
    window = snapshot.window(nearest_window(kept, picture.window.window_s))
    if not picture.view.where:
        return window.total
    found: Mapping[str, Any] = next(
        (one.metrics for one in window.groups if one.labels == picture.view.where), {}
    )
    return found
