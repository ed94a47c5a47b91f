"""One line of the alerts' history."""

from __future__ import annotations

import json
from typing import NamedTuple

from llmmon.protocol.snapshot import AlertView


class AlertRow(NamedTuple):
    """A transition, as ``llmmon tail alerts`` shows it."""

    time_ns: int
    """Wall clock."""
    alert_id: str
    rule: str
    severity: str
    state: str
    """After it: ``firing`` or ``resolved``; ``pending`` where that was acknowledged."""
    labels: str
    """JSON object."""
    metric: str
    value: float | None
    threshold: float | None
    summary: str
    reason: str
    """``firing``, ``escalated``, ``deescalated``, ``resolved``, ``rule_removed``, ``rule_changed``,
    ``check_removed``, ``acknowledged``, ``silenced``, ``unsilenced``, ``inhibited``,
    ``uninhibited``, ``flapping`` or ``calm``."""
    by: str = ""
    """Who acknowledged or silenced it, or the rule that inhibits it."""


def row_of(view: AlertView, time_ns: int, reason: str, by: str = "") -> AlertRow:
    """The transition of ``view`` at ``time_ns``."""
    labels = json.dumps(dict(view.labels), ensure_ascii=False)
    value = None if view.value is None else float(view.value)
    threshold = None if view.threshold is None else float(view.threshold)
    return AlertRow(
        time_ns,
        view.id,
        view.rule,
        view.severity,
        view.state,
        labels,
        view.metric,
        value,
        threshold,
        view.summary,
        reason,
        by,
    )
