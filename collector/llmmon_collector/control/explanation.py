"""Why a rule fires or not, as the document that ``explain`` answers with. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final, NamedTuple

from llmmon.protocol.snapshot import AlertView
from llmmon_collector.alerts.record import Notice
from llmmon_collector.rules.explain import GroupExplanation, RuleExplanation

_OF_RULE: Final = (
    "value",
    "where",
    "by",
    "window_s",
    "for_s",
    "keep_firing_for_s",
    "min_requests",
    "no_data",
    "cooldown_s",
    "channels",
    "runbook",
)
_OF_ALERT: Final = (
    "id",
    "severity",
    "since_ns",
    "fired_ns",
    "resolved_ns",
    "peak",
    "summary",
    "acknowledged_by",
    "silenced_until_ns",
    "inhibited_by",
    "flapping",
    "muted_until_ns",
)


class Present(NamedTuple):
    """Now, on both clocks."""

    mono_s: float
    wall_ns: int


def explanation_document(
    found: RuleExplanation,
    views: Sequence[AlertView],
    told: Mapping[str, Mapping[str, Notice]],
    now: Present,
) -> dict[str, Any]:
    """``found`` with the alerts of its groups, and what each channel was ``told``, by alert id."""
    rule = found.rule.model_dump()
    alerts = {_key(view.labels): view for view in views if view.rule == found.rule.name}
    return {
        "rule": found.rule.name,
        "family": found.family,
        **{name: rule[name] for name in _OF_RULE},
        "at_ns": now.wall_ns,
        "hold": found.hold,
        "error": found.error,
        "groups_total": found.total,
        "groups": [
            _group(group, alerts.get(_key(group.labels)), told, now) for group in found.groups
        ],
    }


def _group(
    group: GroupExplanation,
    view: AlertView | None,
    told: Mapping[str, Mapping[str, Notice]],
    now: Present,
) -> dict[str, Any]:
    notices = {} if view is None else told.get(view.id, {})
    return {
        "labels": dict(group.labels),
        "state": group.state,
        "why": group.why,
        "requests": group.requests,
        "missing": list(group.missing),
        "parts": [{"text": text, "value": value} for text, value in group.parts],
        "limits": [asdict(limit) for limit in group.limits],
        "alert": None if view is None else {name: getattr(view, name) for name in _OF_ALERT},
        "told": [
            {
                "channel": channel,
                "open": notice.open,
                "severity": notice.severity,
                "at_ns": _wall_ns(notice.told_s, now),
                "acknowledged": notice.acknowledged,
            }
            for channel, notice in sorted(notices.items())
        ],
    }


def _wall_ns(told_s: float | None, now: Present) -> int | None:
    return None if told_s is None else now.wall_ns - round((now.mono_s - told_s) * 1e9)


def _key(labels: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(labels.items()))
