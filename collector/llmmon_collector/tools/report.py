"""What a backtest found, for people and as a plain object. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from llmmon_collector.duration import format_duration
from llmmon_collector.rules.model import RuleSpec
from llmmon_collector.rules.summary import format_value
from llmmon_collector.tools.rerun import Firings
from llmmon_collector.tools.verdict import labels_text


class Backtest(NamedTuple):
    """Rules over a span of the past."""

    file: str
    times_ns: range
    """The evaluations that were asked for."""
    known: int
    """How many of them, the last ones, the store reaches back to."""
    rules: Sequence[RuleSpec]
    firings: Sequence[Firings]
    not_tried: Mapping[str, str]
    """Rules with the reason."""

    def of(self, rule: str) -> list[Firings]:
        """What one rule would have done."""
        return [one for one in self.firings if one.rule == rule]


def backtest_lines(told: Backtest) -> list[str]:
    """The span, then each rule with its instances, then those that said nothing."""
    times_ns = told.times_ns
    length = format_duration((times_ns[-1] - times_ns[0]) / 1e9) or "0s"
    span = f"{_time(times_ns[0])} to {_time(times_ns[-1])} UTC"
    lines = [f"{told.file}: {span}, {length} every {format_duration(times_ns.step / 1e9)}"]
    if not told.known:
        lines.append("the store has nothing of that time")
    elif told.known < len(times_ns):
        lines.append(
            f"the store begins at {_time(times_ns[-told.known])}: nothing was tried before"
        )
    for rule in told.rules:
        lines += _rule_lines(rule, told.of(rule.name))
    lines += [f"{name}: not tried, it {reason}" for name, reason in told.not_tried.items()]
    return lines


def backtest_object(told: Backtest) -> dict[str, Any]:
    """The same as plain values; times are ISO 8601 in UTC."""
    return {
        "file": told.file,
        "since": _iso(told.times_ns[0]),
        "until": _iso(told.times_ns[-1]),
        "known_since": _iso(told.times_ns[-told.known]) if told.known else None,
        "step_s": told.times_ns.step / 1e9,
        "rules": [_rule_object(rule, told.of(rule.name)) for rule in told.rules],
        "not_tried": [{"name": n, "reason": reason} for n, reason in told.not_tried.items()],
    }


def _rule_lines(rule: RuleSpec, fired: Sequence[Firings]) -> list[str]:
    if not fired:
        return [f"{rule.name}: never fired"]
    total = sum(one.count for one in fired)
    notifications = sum(one.notifications for one in fired)
    firing_s = sum(one.firing_s for one in fired)
    head = (
        f"{rule.name}: fired {_times(total)}, {_span(firing_s)} in all, "
        f"about {notifications} notification{'' if notifications == 1 else 's'} a channel"
    )
    return [head, *(f"  {_instance(rule, one)}" for one in fired)]


def _instance(rule: RuleSpec, one: Firings) -> str:
    metric = rule.expression(one.severity).strip()
    until = "still firing" if one.still else f"last {_time(one.last_ns)}"
    return (
        f"{one.severity} {labels_text(one.labels)}: {_times(one.count)}, {_span(one.firing_s)}, "
        f"peak {format_value(one.peak, metric)}, first {_time(one.first_ns)}, {until}"
    )


def _rule_object(rule: RuleSpec, fired: Sequence[Firings]) -> dict[str, Any]:
    return {
        "name": rule.name,
        "count": sum(one.count for one in fired),
        "firing_s": sum(one.firing_s for one in fired),
        "notifications": sum(one.notifications for one in fired),
        "instances": [
            {
                "labels": one.labels,
                "severity": one.severity,
                "count": one.count,
                "firing_s": one.firing_s,
                "first": _iso(one.first_ns),
                "last": _iso(one.last_ns),
                "still_firing": one.still,
                "peak": one.peak,
                "notifications": one.notifications,
            }
            for one in fired
        ],
    }


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _span(seconds: float) -> str:
    return format_duration(seconds) if seconds else "0s"


def _time(ns: int) -> str:
    return datetime.fromtimestamp(ns / 1e9, UTC).strftime("%Y-%m-%d %H:%M")


def _iso(ns: int) -> str:
    return datetime.fromtimestamp(ns / 1e9, UTC).isoformat(timespec="seconds")
