"""How the tests of rules went, for people and as JSON. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from llmmon.protocol.snapshot import AlertView
from llmmon_collector.duration import format_duration
from llmmon_collector.rules.summary import format_value
from llmmon_collector.tools.casefile import ExpectedAlert
from llmmon_collector.tools.trial import Mismatch


class Outcome(NamedTuple):
    """One test that ran."""

    file: str
    name: str
    mismatches: tuple[Mismatch, ...]

    @property
    def passed(self) -> bool:
        """Whether all that was expected was so."""
        return not self.mismatches


def outcome_lines(outcome: Outcome, metrics: Mapping[str, str]) -> list[str]:
    """The test, and what it expected (``-``) beside what was there (``+``) where they differ.

    ``metrics`` has the value of each rule, for units.
    """
    word = "ok  " if outcome.passed else "FAIL"
    lines = [f"{word}  {outcome.file}: {outcome.name}"]
    for one in outcome.mismatches:
        lines.append(f"      at {_time(one.at_s)}, {one.rule}:")
        metric = metrics.get(one.rule, "")
        if one.error:
            lines.append(f"        ! {one.error}")
        lines += [f"        - {_expected(alert, metric)}" for alert in one.missing]
        lines += [f"        + {_got(view, metric)}" for view in one.surplus]
        if one.missing and not one.surplus:
            lines.append("        + nothing more")
    return lines


def outcome_object(outcome: Outcome) -> dict[str, Any]:
    """The same as plain values."""
    return {
        "file": outcome.file,
        "name": outcome.name,
        "passed": outcome.passed,
        "mismatches": [
            {
                "at_s": one.at_s,
                "rule": one.rule,
                "error": one.error,
                "missing": [alert.model_dump(exclude_none=True) for alert in one.missing],
                "surplus": [_got_object(view) for view in one.surplus],
            }
            for one in outcome.mismatches
        ],
    }


def tally(outcomes: Sequence[Outcome]) -> str:
    """One line."""
    failed = sum(not outcome.passed for outcome in outcomes)
    passed = len(outcomes) - failed
    return f"{passed} passed" if not failed else f"{failed} failed, {passed} passed"


def labels_text(labels: Mapping[str, str]) -> str:
    """``{model=gpt-4o}``, or ``{}`` for the whole."""
    return "{" + ", ".join(f"{name}={value}" for name, value in labels.items()) + "}"


def _expected(alert: ExpectedAlert, metric: str) -> str:
    parts = [alert.state, alert.severity or "", labels_text(alert.labels)]
    if alert.value is not None:
        parts.append(format_value(alert.value, metric))
    if alert.summary is not None:
        parts.append(f'"{alert.summary}"')
    return " ".join(part for part in parts if part)


def _got(view: AlertView, metric: str) -> str:
    value = None if view.value is None else float(view.value)
    head = f"{view.state} {view.severity} {labels_text(view.labels)}"
    return f'{head} {format_value(value, metric)} "{view.summary}"'


def _got_object(view: AlertView) -> dict[str, Any]:
    return {
        "labels": dict(view.labels),
        "state": view.state,
        "severity": view.severity,
        "value": view.value,
        "summary": view.summary,
    }


def _time(seconds: float) -> str:
    return format_duration(seconds) if seconds else "0s"
