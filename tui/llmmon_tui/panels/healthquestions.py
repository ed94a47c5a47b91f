"""What the Health screen asks: the collector's status, and the past of one check."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from llmmon.protocol.snapshot import HealthView
from llmmon_tui import fields
from llmmon_tui.filtering.sql import literal
from llmmon_tui.model import Picture
from llmmon_tui.panels.collectorstatus import parse_status
from llmmon_tui.questions import Question
from llmmon_tui.statements import answered, asked, instant, select

STATUS: Final = "health.status"
RUNS: Final = "health.runs"
_CHANGES: Final = 12
_RUNS_REFRESH_S: Final = 15.0


class StatusChange(NamedTuple):
    """When a check came to a status, and what it said."""

    status: str
    time_ns: int
    message: str


def questions(picture: Picture, check: HealthView | None) -> tuple[Question, ...]:
    """With the check under the cursor; the status is only known of the present."""
    status = () if picture.is_past else (Question(STATUS, "status", {}, parse_status),)
    return status if check is None else (*status, _runs(picture, check))


def parse_runs(result: Any) -> tuple[StatusChange, ...]:
    """Changes of a check's status, the newest first.

    Raises:
        SchemaError: another shape.
    """
    rows, _ = answered(result, 4)
    return tuple(
        StatusChange(fields.text(status) or "", at_ns, fields.text(message) or "")
        for _, status, at_ns, message in rows
        if type(at_ns) is int
    )


def _runs(picture: Picture, check: HealthView) -> Question:
    condition = f"name = {literal(check.name)} AND time <= {instant(picture.at_ns)}"
    rest = f"ORDER BY time DESC LIMIT {_CHANGES}"
    sql = select("name, status, epoch_ns(time), message", "health", condition, rest)
    params = asked(sql, _CHANGES)
    return Question(RUNS, "query", params, parse_runs, (check.name, check.status), _RUNS_REFRESH_S)
