"""Burn rate alerts fire when *The Site Reliability Workbook*, chapter 5, says that they do.

A tier's detection time is ``factor * (1 - objective) / error rate * long window``: how long that
error rate takes to spend the tier's share of the budget.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import pytest
from support.objectives import DAY_NS, MINUTE_NS, answer_empty, many

from llmmon.protocol.views import SloView
from llmmon_collector.metrics import MetricTable, Sources
from llmmon_collector.objectives.burn import Tier, tiers
from llmmon_collector.objectives.model import SloSpec
from llmmon_collector.objectives.objectives import Objectives
from llmmon_collector.requests import Requests
from llmmon_collector.rules.alert import AlertChange
from llmmon_collector.rules.engine import RuleEngine
from llmmon_collector.series import SeriesTable

START_NS = 1_795_500_000 * 10**9
"""A full minute."""
REQUESTS = {1: 50, 10: 100, 60: 1000}
"""Of a step, by its length in seconds."""
EARLY = 1 / 59
"""A window of an hour is an hour long but for the part of this minute that is still to come."""


class Service:
    """Steady traffic with a share of errors, watched by an objective and its rule."""

    def __init__(self, objective: float, step_s: int) -> None:
        slo = SloSpec(name="chat", good="error is None", objective=objective)
        self._series = SeriesTable(10)
        first_ns = START_NS - 3 * DAY_NS
        self.objectives = Objectives([slo], [], self._series, "UTC", first_ns)
        answer_empty(self.objectives)
        self._engine = RuleEngine(self.objectives.rules())
        self._step_ns = step_s * 10**9
        self._requests = REQUESTS[step_s]
        self._steps: dict[int, Requests] = {}
        self.now_ns = first_ns
        a_minute = many(REQUESTS[step_s] * 60 // step_s, 0, 0, self._series)
        while self.now_ns < START_NS:
            self.objectives.add(a_minute.ending(a_minute.end_ns + self.now_ns), self.now_ns)
            self.now_ns += MINUTE_NS

    @property
    def minutes(self) -> float:
        """Since the trouble began."""
        return (self.now_ns - START_NS) / MINUTE_NS

    def step(self, error_rate: float) -> list[AlertChange]:
        """One step of traffic, and one evaluation."""
        bad = round(self._requests * error_rate)
        if bad not in self._steps:
            self._steps[bad] = many(self._requests, bad, 0, self._series)
        came = self._steps[bad]
        self.objectives.add(came.ending(came.end_ns + self.now_ns), self.now_ns)
        self.now_ns += self._step_ns
        self.objectives.advance(self.now_ns)
        sources = Sources(no_requests, {"slos": self.objectives.slo_table})
        return self._engine.evaluate(sources, self.now_ns / 1e9, self.now_ns)

    def until(self, fine: Callable[[], bool], error_rate: float, most_minutes: float) -> float:
        """Minutes since the trouble began until ``fine()``, at an error rate."""
        while not fine():
            assert self.minutes < most_minutes, "never"
            self.step(error_rate)
        return self.minutes

    @property
    def severity(self) -> str | None:
        """Of the alert that fires."""
        severities = [alert.instance.severity for alert in self._engine.alerts()]
        return severities[0] if severities else None

    @property
    def view(self) -> SloView:
        """What viewers are shown."""
        return self.objectives.slo_views()[0]


def no_requests(window_s: int, by: tuple[str, ...], where: object) -> MetricTable:
    raise AssertionError("no rule here is about requests")


TABLE = [
    # severity, long window, budget share, objective, error rate, detected after minutes
    ("page", "1h", 0.02, 0.999, 1.0, 0.9),
    ("page", "1h", 0.02, 0.999, 0.1, 8.6),
    ("page", "1h", 0.02, 0.99, 1.0, 8.6),
    ("page", "6h", 0.05, 0.999, 1.0, 2.2),
    ("page", "6h", 0.05, 0.999, 0.1, 21.6),
    ("page", "6h", 0.05, 0.99, 1.0, 21.6),
    ("ticket", "1d", 0.10, 0.999, 1.0, 4.3),
    ("ticket", "1d", 0.10, 0.999, 0.1, 43),
    ("ticket", "1d", 0.10, 0.99, 1.0, 43),
    ("ticket", "3d", 0.10, 0.999, 1.0, 4.3),
    ("ticket", "3d", 0.10, 0.999, 0.1, 43),
    ("ticket", "3d", 0.10, 0.99, 1.0, 43),
]
"""The workbook's table 5-8 with the day's tier of sloth, at the error rates of its text."""


@cache
def detected_minutes(objective: float, errors: float, most_minutes: float) -> dict[Tier, float]:
    """When the windows of each tier first burn faster than its factor."""
    service, found = Service(objective, step_s=1), dict[Tier, float]()
    waiting = set(tiers(30 * 86_400))
    while waiting and service.minutes < most_minutes:
        service.step(errors)
        over = {tier for tier in waiting if burns_over(service.view, tier)}
        found |= dict.fromkeys(over, service.minutes)
        waiting -= over
    return found


@pytest.mark.parametrize(("severity", "long", "share", "objective", "errors", "minutes"), TABLE)
def test_each_tier_detects_when_the_table_says(
    severity: str, long: str, share: float, objective: float, errors: float, minutes: float
) -> None:
    (tier,) = (t for t in tiers(30 * 86_400) if (t.severity, t.long) == (severity, long))
    detected = detected_minutes(objective, errors, 50)[tier]
    exact = share * 30 * 1440 * (1 - objective) / errors
    assert detected == pytest.approx(minutes, rel=0.04)
    assert exact * (1 - EARLY) <= detected <= exact + 2 / 60


def burns_over(view: SloView, tier: Tier) -> bool:
    burns = [view.burn_rates[name] for name in (tier.long, tier.short)]
    return all(burn is not None and burn > tier.factor for burn in burns)


ALERTS = [
    # objective, error rate, step, which alert, minutes until it fires: the first of its tiers
    (0.999, 1.0, 1, "critical", 0.864),
    (0.999, 0.1, 1, "critical", 8.64),
    (0.999, 0.005, 60, "warning", 864.0),
    (0.999, 0.01, 10, "critical", 216.0),
    (0.999, 0.002, 60, "warning", 2160.0),
    (0.99, 1.0, 1, "critical", 8.64),
    (0.99, 0.1, 10, "critical", 216.0),
]


@pytest.mark.parametrize(("objective", "errors", "step_s", "severity", "minutes"), ALERTS)
def test_the_rule_of_an_objective_fires_when_its_first_tier_does(
    objective: float, errors: float, step_s: int, severity: str, minutes: float
) -> None:
    service = Service(objective, step_s)
    fired = service.until(lambda: service.severity == severity, errors, 2 * minutes)
    assert minutes * (1 - EARLY) <= fired <= minutes + 2 * step_s / 60


def test_the_alert_ends_soon_after_the_trouble() -> None:
    service = Service(0.999, step_s=10)
    service.until(lambda: service.minutes >= 15, 0.2, 20)
    assert service.severity == "critical"
    calm = service.until(lambda: service.severity != "critical", 0.0, 60) - 15
    assert calm <= 32, "at most the short window of the six hours, and the two minutes of the rule"


def test_who_just_meets_the_objective_is_left_alone() -> None:
    service = Service(0.999, step_s=60)
    service.until(lambda: service.minutes >= 3 * 1440, 0.001, 3 * 1440 + 1)
    assert service.severity is None
    assert service.view.burn_rates["3d"] == pytest.approx(1)
