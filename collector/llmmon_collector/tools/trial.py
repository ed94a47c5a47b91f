"""Runs one test of rules: the daemon's own engine on a clock of the test. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from llmmon.protocol.snapshot import AlertView
from llmmon_collector.rules.engine import RuleEngine
from llmmon_collector.rules.view import alert_view
from llmmon_collector.tools.casefile import Case, Expectation, ExpectedAlert
from llmmon_collector.tools.given import Given, Subject

TOLERANCE: Final = 0.02
"""Quantiles are sketched to one percent."""


class Mismatch(NamedTuple):
    """An expectation that does not hold, or a rule that could not be evaluated."""

    at_s: float
    rule: str
    missing: tuple[ExpectedAlert, ...] = ()
    """Expected, and not there."""
    surplus: tuple[AlertView, ...] = ()
    """There, and not expected."""
    error: str = ""


def run_case(case: Case, subject: Subject) -> tuple[Mismatch, ...]:
    """What does not hold in ``case``, in order; nothing where it passes.

    Raises:
        TooManyRequestsError: of traffic.
    """
    engine, given = RuleEngine(subject.rules), Given(case, subject)
    wanted = {one.rule for one in case.expect}
    found: list[Mismatch] = []
    failed: set[str] = set()
    for turn in range(case.evaluations):
        at_s = turn * case.every_s
        wall_ns = case.start_ns + round(at_s * 1e9)
        engine.evaluate(given.at(turn, wall_ns), at_s, wall_ns)
        broken = {one.name: one.error for one in engine.health() if one.error}
        for name in sorted(wanted & broken.keys() - failed):
            failed.add(name)
            found.append(Mismatch(at_s, name, error=broken[name]))
        for one in case.expect:
            if round(one.at_s / case.every_s) == turn:
                found += _compare(one, engine)
    return tuple(found)


def _compare(expected: Expectation, engine: RuleEngine) -> Iterable[Mismatch]:
    states = {"pending", "firing", *(alert.state for alert in expected.alerts)}
    views = [alert_view(alert, "") for alert in engine.alerts()]
    left = [view for view in views if view.rule == expected.rule and view.state in states]
    missing = []
    for alert in expected.alerts:
        match = next((view for view in left if _fits(alert, view)), None)
        if match is None:
            missing.append(alert)
        else:
            left.remove(match)
    if missing or left:
        yield Mismatch(expected.at_s, expected.rule, tuple(missing), tuple(left))


def _fits(expected: ExpectedAlert, view: AlertView) -> bool:
    return (
        view.state == expected.state
        and dict(view.labels) == expected.labels
        and expected.severity in (None, view.severity)
        and expected.summary in (None, view.summary)
        and _near(expected.value, view.value)
    )


def _near(expected: float | None, got: float | None) -> bool:
    if expected is None:
        return True
    return got is not None and abs(got - expected) <= TOLERANCE * abs(expected) + 1e-9
