"""What the Models screen asks about the group under the cursor: its curves, before, its errors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final, NamedTuple

from llmmon.protocol.snapshot import Group, Metrics
from llmmon_tui import fields
from llmmon_tui.history import POINTS, History, parse_history
from llmmon_tui.model import Picture
from llmmon_tui.panels import yesterday
from llmmon_tui.panels.grouplist import GroupList, group_id
from llmmon_tui.questions import Question
from llmmon_tui.statements import answered, asked, between, instant, select
from llmmon_tui.view import nearest_window

CURVES: Final = "models.curves"
BEFORE: Final = "models.before"
ERRORS: Final = "models.errors"
FIRST: Final = "models.first"
_SECOND_NS: Final = 1_000_000_000
_SLACK: Final = 0.05
"""A window counts as watched throughout when this share of it, at its beginning, told nothing."""
_FIRST_REFRESH_S: Final = 300.0
_KINDS: Final = 12
"""Kinds of errors that are told."""
_FAILED: Final = "(coalesce(error, '') <> '' OR coalesce(status_code, 0) >= 400)"


class ErrorKind(NamedTuple):
    """One type of error in the window."""

    name: str
    status_code: int | None
    requests: int
    last_ns: int | None


def questions(picture: Picture, labels: Mapping[str, str]) -> tuple[Question, ...]:
    """What is asked while the group with these labels is under the cursor; nothing without one."""
    window = picture.window
    if window is None or not labels:
        return ()
    window_s = window.window_s
    about = (window_s, tuple(sorted(labels.items())))
    return (
        _curves(picture, labels, window_s, about),
        _before(picture, window_s),
        Question(FIRST, "query", _first(picture), parse_first, (), _FIRST_REFRESH_S),
        _errors(picture, labels, window_s, about),
        *yesterday.questions(narrowed(picture, labels)),
    )


def narrowed(picture: Picture, labels: Mapping[str, str]) -> Picture:
    """The picture as it were narrowed to a group, with the group's curves as its history."""
    curves = picture.answer(CURVES).value
    history = curves if isinstance(curves, History) else None
    return replace(picture, view=replace(picture.view, where=dict(labels)), history=history)


def metrics_before(picture: Picture, labels: Mapping[str, str]) -> Metrics:
    """The group's figures of the window before; none unless all of it is known."""
    before: Mapping[str, Group] = picture.answer(BEFORE).value or {}
    first_ns, window = picture.answer(FIRST).value, picture.window
    if first_ns is None or window is None:
        return {}
    known_ns = picture.at_ns - int(window.window_s * (2 - _SLACK) * _SECOND_NS)
    group = before.get(group_id(labels))
    return {} if group is None or first_ns > known_ns else group.metrics


def _curves(picture: Picture, labels: Mapping[str, str], window_s: int, about: Any) -> Question:
    at_ns, held_ns = picture.at_ns, picture.held_ns
    params = {"window_s": window_s, "points": POINTS, "end_ns": held_ns, "where": dict(labels)}

    def parse(result: Any) -> History:
        return parse_history(window_s, result, at_ns)

    refresh_s = min(30.0, max(2.0, window_s / POINTS))
    return Question(CURVES, "history", params, parse, about, refresh_s)


def _before(picture: Picture, window_s: int) -> Question:
    """One for all groups, so that a moving cursor asks nothing anew."""
    by = picture.view.by
    params = {"by": by, "at_ns": picture.at_ns - window_s * _SECOND_NS}
    refresh_s = min(300.0, max(15.0, window_s / 20))

    def parse(result: Any) -> Mapping[str, Group]:
        return _parse_groups(result, window_s)

    return Question(BEFORE, "snapshot", params, parse, (window_s, by), refresh_s)


def _first(picture: Picture) -> Mapping[str, Any]:
    """Since when requests are stored: what was before is unknown, not nothing."""
    condition = f"time <= {instant(picture.at_ns)}"
    return asked(select("epoch_ns(min(time))", "requests", condition, ""), 1)


def _errors(picture: Picture, labels: Mapping[str, str], window_s: int, about: Any) -> Question:
    span = between(picture.at_ns - window_s * _SECOND_NS, picture.at_ns, labels)
    values = "coalesce(error, ''), max(status_code), count(*) AS n, epoch_ns(max(time))"
    rest = f"GROUP BY coalesce(error, '') ORDER BY n DESC LIMIT {_KINDS}"
    sql = select(values, "requests", f"{span} AND {_FAILED}", rest)
    return Question(ERRORS, "query", asked(sql, _KINDS), parse_errors, about, 5.0)


def parse_errors(result: Any) -> tuple[ErrorKind, ...]:
    """Kinds of errors, the most frequent first.

    Raises:
        SchemaError: another shape.
    """
    rows, _ = answered(result, 4)
    return tuple(
        ErrorKind(
            fields.text(name) or "", fields.whole(code), fields.whole(n) or 0, fields.whole(last)
        )
        for name, code, n, last in rows
    )


def parse_first(result: Any) -> int | None:
    """When the first request that is stored ended; None where there is none.

    Raises:
        SchemaError: another shape.
    """
    rows, _ = answered(result, 1)
    return fields.whole(rows[0][0]) if rows else None


def _parse_groups(result: Any, window_s: int) -> Mapping[str, Group]:
    snapshot = fields.snapshot(result)
    kept = [one.window_s for one in snapshot.windows]
    return GroupList().of(snapshot.window(nearest_window(kept, window_s)) if kept else None)
