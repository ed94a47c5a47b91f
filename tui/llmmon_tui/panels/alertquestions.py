"""What the Alerts screen asks: changes, silences, how many rules watch, and one alert's curve."""

from __future__ import annotations

from typing import Any, Final, Literal, overload

from llmmon.errors import SchemaError
from llmmon.protocol.names import DIMENSIONS
from llmmon.protocol.snapshot import AlertView
from llmmon_tui import fields
from llmmon_tui.history import POINTS, History, parse_history
from llmmon_tui.model import Picture
from llmmon_tui.panels.changes import Change, parse_changes
from llmmon_tui.panels.silences import parse_silences
from llmmon_tui.questions import Question
from llmmon_tui.view import nearest_window

CHANGES: Final = "alerts.changes"
SILENCES: Final = "alerts.silences"
RULES: Final = "alerts.rules"
CURVE: Final = "alerts.curve"
CHARTED: Final = frozenset(
    {
        "request_rate",
        "error_rate",
        "latency_p50",
        "latency_p95",
        "latency_p99",
        "ttft_p95",
        "tokens_per_second",
        "hourly_cost",
        "quality_score_mean",
    }
)
"""Metrics that the collector tells over time."""
_MOST_CHANGES: Final = 500
_RULES_REFRESH_S: Final = 60.0


def questions(picture: Picture, alert: AlertView | None, is_empty: bool) -> tuple[Question, ...]:
    """With the alert under the cursor; how many rules watch is of interest where none fires."""
    asked = [
        Question(CHANGES, "transitions", {"limit": _MOST_CHANGES}, parse_changes),
        Question(SILENCES, "silences", {}, parse_silences),
    ]
    if is_empty:
        asked.append(Question(RULES, "status", {}, parse_rules, (), _RULES_REFRESH_S))
    if alert is not None and has_curve(alert):
        asked.append(_curve(picture, alert))
    return tuple(asked)


def has_curve(alert: AlertView) -> bool:
    """Whether its value is one that is kept over time, by dimensions that are kept."""
    return alert.metric in CHARTED and set(alert.labels) <= set(DIMENSIONS)


@overload
def changes_of(picture: Picture, or_none: Literal[False] = False) -> list[Change]: ...


@overload
def changes_of(picture: Picture, or_none: Literal[True]) -> list[Change] | None: ...


def changes_of(picture: Picture, or_none: bool = False) -> list[Change] | None:
    """What has become of alerts, the newest first; in the past up to that instant.

    Nothing, or None where `or_none`, while it is not known.
    """
    told: list[Change] | None = picture.answer(CHANGES).value
    if told is None:
        return None if or_none else []
    until_ns = picture.at_ns if picture.is_past else None
    shown = [one for one in told if until_ns is None or one.time_ns <= until_ns]
    return sorted(shown, key=lambda one: -one.seq)


def rules_of(picture: Picture) -> int | None:
    """How many rules watch; None while it is not known."""
    rules: int | None = picture.answer(RULES).value
    return rules


def parse_rules(result: Any) -> int:
    """How many rules the answer to `status` tells.

    Raises:
        SchemaError: it tells none.
    """
    rules = fields.whole(result.get("rules")) if isinstance(result, dict) else None
    if rules is None:
        raise SchemaError("status: expected a number of rules")
    return rules


def _curve(picture: Picture, alert: AlertView) -> Question:
    window_s = nearest_window(picture.windows_s, alert.window_s or picture.view.window_s)
    end_ns = picture.at_ns if picture.is_past else None
    told_ns = picture.at_ns if picture.is_past else picture.live_at_ns
    where = dict(alert.labels)
    params = {"window_s": window_s, "points": POINTS, "end_ns": end_ns, "where": where}

    def parse(result: Any) -> History:
        return parse_history(window_s, result, told_ns)

    about = (alert.id, window_s, picture.is_past)
    return Question(CURVE, "history", params, parse, about, max(2.0, min(30.0, window_s / POINTS)))
