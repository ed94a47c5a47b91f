"""What viewers are shown of each part of a collector: the pieces of a snapshot. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from llmmon.protocol.groups import Group, Metrics, Value


@dataclass(frozen=True, slots=True)
class WindowView:
    """One rolling window at the snapshot's time."""

    window_s: int
    total: Metrics
    previous: Metrics
    """The same metrics over the window of equal length just before; empty where it is unknown."""
    groups: Sequence[Group]
    quality_buckets: tuple[int, ...]
    """Scored requests by quality in [0, .2), [.2, .4), [.4, .6), [.6, .8), [.8, 1]."""


@dataclass(frozen=True, slots=True)
class AlertView:
    """One alert instance: a rule and one group of series."""

    id: str
    """The deduplication key, stable from first firing to resolved."""
    rule: str
    severity: str
    """``warning`` or ``critical``."""
    state: str
    """``pending``, ``firing`` or ``resolved``."""
    labels: Mapping[str, str]
    metric: str
    value: Value
    threshold: Value
    comparison: str
    """``above`` or ``below``."""
    window_s: int
    since_ns: int
    """When the present state began, wall clock."""
    fired_ns: int | None
    resolved_ns: int | None
    peak: Value
    summary: str
    runbook: str
    acknowledged_by: str | None = None
    silenced_until_ns: int | None = None
    no_data: bool = False
    inhibited_by: str | None = None
    """The rule of the worse alert that mutes this one; None where none does."""
    flapping: bool = False
    """Whether it fired so often of late that people are no longer told each time."""
    muted_until_ns: int | None = None
    """When quiet hours that keep it from every channel end; None where they do not."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """One thing that a health check measured, such as ``requests_waiting``."""

    name: str
    value: float
    unit: str


@dataclass(frozen=True, slots=True)
class HealthView:
    """The last word of one health check."""

    name: str
    type: str
    status: str
    """``ok``, ``degraded``, ``failing`` or ``unknown``."""
    since_ns: int
    checked_ns: int | None
    took_ms: float | None
    value: float | None
    unit: str
    message: str
    flapping: bool = False
    """Whether its runs went from good to bad and back again and again of late."""
    slow: bool = False
    """Whether its runs take over half of its time-out."""
    critical: bool = False
    """Whether the whole is failing when this check is."""
    measurements: tuple[Measurement, ...] = ()
    """What else it measured, by name."""


@dataclass(frozen=True, slots=True)
class SloView:
    """One objective, or one group of it."""

    name: str
    labels: Mapping[str, str]
    """The group; empty for the whole."""
    good: str
    """The condition that makes an event good, as it is written."""
    objective: float
    """Share of good events to reach, 0 to 1."""
    period_s: int
    good_events: int
    total_events: int
    """Over the period, as far as it is known."""
    covered_s: float
    """How much of the period the counts cover."""
    attained: float | None
    """Share of good events; None without events."""
    budget_left: float | None
    """Share of the error budget that is left, below 0 when overspent; None without events."""
    burn_rates: Mapping[str, float | None]
    """By window, such as ``1h``: error rate over the allowed one; None without events."""
    exhausted_in_s: float | None
    """Until the budget is spent at the rate of the last hour; 0 when it is; None for never."""
    severity: str | None
    """Of its alert that fires; None when none does."""


@dataclass(frozen=True, slots=True)
class BudgetView:
    """One spending limit, or one group of it."""

    name: str
    labels: Mapping[str, str]
    """The group; empty for the whole."""
    period: str
    """``day`` or ``month``."""
    limit_usd: float
    spent_usd: float
    """Since the period began, of the priced requests."""
    unpriced_requests: int
    """Requests of the period whose cost nobody knows."""
    rate_usd_per_hour: float | None
    """What the forecast goes on; None where too little is known."""
    forecast_usd: float | None
    """At the period's end; None where too little is known."""
    resets_ns: int
    """When the next period begins, wall clock."""
    exhausted_ns: int | None
    """When the limit is, or will be, reached within this period; None for not."""
    severity: str | None
    """Of its alert that fires; None when none does."""


@dataclass(frozen=True, slots=True)
class ChannelView:
    """How one channel delivers."""

    name: str
    type: str
    waiting: int
    oldest_ns: int | None
    """When the oldest waiting delivery was enqueued, wall clock."""
    sent: int
    """Notifications that were accepted, since the collector started."""
    failed: int
    """Refused for good."""
    given_up: int
    """Refused, too old or too many."""
    failing_attempts: int
    """Failed attempts in a row."""
    last_sent_ns: int | None
    last_error: str
    """Of the last failed attempt; empty when the last one went well."""


@dataclass(frozen=True, slots=True)
class IngestView:
    """The ledger: emitted = stored + lost + in flight, over all agents known."""

    agents: int
    """Agents heard of within three of their heartbeat intervals."""
    events_stored: int
    events_per_second: float
    duplicates_dropped: int
    events_lost: Mapping[str, int]
    events_in_flight: int
    rejected_batches: int
    late_events: int
    """Events too old for the live windows: stored, and not in these numbers."""
    series: int
    series_limit: int
    overflowed_series: int
    """Series folded into ``__other__``."""
    unpriced_models: tuple[str, ...]
    fold_lag_s: float | None
    """Age of the oldest committed batch that the store does not yet hold."""
    agents_gone: int = 0
    """Agents and epochs that ended without a goodbye less than an hour ago, or longer ago with
    events that have not come since."""
    batches_throttled: int = 0
    """Batches that agents were told to send again later, since the collector started."""


@dataclass(frozen=True, slots=True)
class Limit:
    """A rule's threshold on the whole, for a gauge to draw."""

    rule: str
    metric: str
    window_s: int
    comparison: str
    warning: float | None
    critical: float | None
