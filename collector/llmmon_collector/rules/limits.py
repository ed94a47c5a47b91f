"""The limits that gauges draw. Pure."""

from __future__ import annotations

from llmmon.protocol.names import METRICS
from llmmon.protocol.snapshot import Limit
from llmmon_collector.rules.model import RuleSpec


def limits_of(spec: RuleSpec) -> tuple[Limit, ...]:
    """The limits of a rule that are on plain metrics of the whole, one a metric."""
    if spec.by or spec.where:
        return ()
    metrics = dict.fromkeys(spec.expression(severity).strip() for severity, _ in spec.thresholds)
    return tuple(_limit(spec, metric) for metric in metrics if metric in METRICS)


def _limit(spec: RuleSpec, metric: str) -> Limit:
    limits = {
        severity: threshold
        for severity, threshold in spec.thresholds
        if spec.expression(severity).strip() == metric
    }
    warning, critical = limits.get("warning"), limits.get("critical")
    return Limit(
        rule=spec.name,
        metric=metric,
        window_s=int(spec.window_s),
        comparison=next(iter(limits.values())).comparison,
        warning=None if warning is None else warning.limit,
        critical=None if critical is None else critical.limit,
    )
