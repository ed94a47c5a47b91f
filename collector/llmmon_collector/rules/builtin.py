"""The rules that apply without any file, and how a user's rules replace them."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any, Final

from llmmon.errors import ConfigError
from llmmon_collector.rules.model import RuleSpec


def _rule(name: str, value: str, summary: str, **keys: Any) -> RuleSpec:
    fields = {"name": name, "value": value, "summary": summary, "keep_firing_for": "30s"}
    return RuleSpec.model_validate(fields | keys)


BUILTIN_RULES: Final[tuple[RuleSpec, ...]] = (
    _rule(
        "high_latency",
        "latency_p95",
        "p95 latency {value:,.0f} ms, limit {threshold:,.0f} ms",
        warning={"above": 5000},
    ),
    _rule(
        "critical_latency",
        "latency_p99",
        "p99 latency {value:,.0f} ms, limit {threshold:,.0f} ms",
        critical={"above": 10000},
    ),
    _rule(
        "high_error_rate",
        "error_rate",
        "error rate {value:.1%}, limit {threshold:.1%}",
        critical={"above": 0.05},
    ),
    _rule(
        "low_quality",
        "quality_score_mean",
        "mean quality {value:.2f}, limit {threshold:.2f}",
        warning={"below": 0.7},
    ),
    _rule(
        "cost_spike",
        "hourly_cost",
        "cost of the last hour ${value:,.2f}, limit ${threshold:,.2f}",
        warning={"above": 100},
        window="1h",
    ),
    _rule(
        "check_failing",
        "check_failing",
        "health check {check} ({type}) is failing",
        warning={"above": 0.5},
        critical={"value": "check_critical", "above": 0.5},
    ),
)
"""Over the whole, in the last five minutes (cost: the last hour), cooldown 15 minutes; the last is
an alert for each health check, critical where the check is.

They have no ``for``: the windows already smooth, and a breach should show within a tick. They have
no hysteresis either, so the limit is exactly what it says; half a minute of calm before they
resolve and the cooldown quieten flapping.
"""


def effective_rules(
    rules: Iterable[RuleSpec],
    windows_s: Collection[float] = (),
    generated: Iterable[RuleSpec] = (),
) -> tuple[RuleSpec, ...]:
    """The built-in rules with ``rules`` replacing those of the same name, disabled ones left out.

    Built-in rules move to the next longer of ``windows_s``, the windows that are kept, or to the
    longest, where their own is not among them. ``generated`` are those of objectives and budgets.

    Raises:
        ConfigError: two of ``rules``, or one of them and a generated one, have the same name.
    """
    merged = {rule.name: _fit(rule, windows_s) for rule in BUILTIN_RULES}
    seen: set[str] = set()
    for rule in (*rules, *generated):
        if rule.name in seen:
            raise ConfigError(f"two rules are called {rule.name!r}: rename one", key="rule.name")
        seen.add(rule.name)
        merged[rule.name] = rule
    return tuple(rule for rule in merged.values() if not rule.disabled)


def _fit(rule: RuleSpec, windows_s: Collection[float]) -> RuleSpec:
    longer = [window_s for window_s in windows_s if window_s >= rule.window_s]
    window_s = min(longer, default=max(windows_s, default=rule.window_s))
    return rule.model_copy(update={"window_s": float(window_s)})
