"""What is valid in a configuration of rules, and yet hardly meant. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple

from llmmon.protocol.names import METRICS
from llmmon_collector.config.settings import Settings
from llmmon_collector.duration import format_duration
from llmmon_collector.rules.builtin import effective_rules
from llmmon_collector.rules.compile import compile_value
from llmmon_collector.rules.families import REQUESTS
from llmmon_collector.rules.model import RuleSpec, Threshold

_BOUNDED: Final = frozenset({"ratio", "score"})
"""Units whose values lie from 0 to 1; those of all others are 0 or more."""
_FEW: Final = ("_p50", "_p90", "_p95", "_p99")
"""Ends of metrics that say little of a few requests."""


class Suspicion(NamedTuple):
    """One thing to look at again."""

    rule: str
    """Empty where it is not about one."""
    key: str
    """Of the rule, or of the configuration."""
    reason: str


def suspicions(settings: Settings, rules: Sequence[RuleSpec], whole: bool) -> list[Suspicion]:
    """What looks wrong in ``rules``, and, where ``settings`` are ``whole``, in what goes unused."""
    found = [
        Suspicion(rule.name, key, reason)
        for rule in rules
        for look in _LOOKS
        for key, reason in look(rule, settings)
    ]
    unreachable = [
        Suspicion(f"slo.{slo.name}", "objective", text)
        for slo in settings.slos
        for text in slo.left_out
    ]
    return [*found, *unreachable, *(_unused(settings) if whole else ())]


_Found = Iterator[tuple[str, str]]


def _few_requests(rule: RuleSpec, _: Settings) -> _Found:
    if rule.family != REQUESTS or rule.min_requests:
        return
    metrics = sorted({m for text in _texts(rule) for m in compile_value(text).metrics})
    shaky = [m for m in metrics if m.endswith(_FEW) or METRICS[m].unit in _BOUNDED]
    if shaky:
        reason = f"{shaky[0]} of a single request can fire it: say from how many on, such as 20"
        yield "min_requests", reason


def _short_for(rule: RuleSpec, settings: Settings) -> _Found:
    tick_s = settings.collector.tick_s
    if 0 < rule.for_s < tick_s:
        tick = format_duration(tick_s)
        yield "for", f"shorter than the {tick} between two evaluations: it says no more than 0s"


def _flickers(rule: RuleSpec, _: Settings) -> _Found:
    calm = any(_clear(limit) is not None for _, limit in rule.thresholds)
    if rule.family == REQUESTS and not calm and not rule.keep_firing_for_s:
        yield (
            "keep_firing_for",
            "with neither this nor a clear_ limit it resolves and fires at every wobble",
        )
    for severity, limit in rule.thresholds:
        if _clear(limit) == limit.limit:
            yield severity, f"clear_ at the limit of {limit.limit:g} itself changes nothing"


def _cannot(rule: RuleSpec, _: Settings) -> _Found:
    """Limits beyond, or before, all that the metric can be."""
    if rule.family != REQUESTS:
        return
    for severity, limit in rule.thresholds:
        text = rule.expression(severity).strip()
        if text not in METRICS:
            continue
        most = 1.0 if METRICS[text].unit in _BOUNDED else float("inf")
        span = f"{text} is 0 to 1" if most == 1.0 else f"{text} is 0 or more"
        above = limit.comparison == "above"
        if limit.limit >= most if above else limit.limit <= 0:
            yield severity, f"never fires: {span}, so never {limit.comparison} {limit.limit:g}"
        elif limit.limit < 0 if above else limit.limit > most:
            yield severity, f"always fires: {span}, so always {limit.comparison} {limit.limit:g}"


def _no_cooldown(rule: RuleSpec, _: Settings) -> _Found:
    if rule.cooldown_s == 0:
        yield "cooldown", "with 0s every new firing is told at once, however often, and none again"


def _switched_off(rule: RuleSpec, _: Settings) -> _Found:
    if rule.disabled:
        yield "disabled", "switched off, and the built-in rule of its name, if any, with it"


_LOOKS: Final[Sequence[Callable[[RuleSpec, Settings], _Found]]] = (
    _few_requests,
    _short_for,
    _flickers,
    _cannot,
    _no_cooldown,
    _switched_off,
)


def _unused(settings: Settings) -> Iterator[Suspicion]:
    rules = effective_rules(settings.rules)
    senders = [one.channels for one in rules]
    senders += [one.channels for one in (*settings.slos, *settings.budgets)]
    routes = [route.channels for route in settings.routes]
    named = {name for channels in (*senders, *routes) for name in channels}
    if all(senders):
        for name in settings.channels.keys() - named:
            yield Suspicion("", f"channels.{name}", "no rule and no route sends anything there")
    muting = {name for route in settings.routes for name in route.mute}
    for name in settings.schedules.keys() - muting:
        yield Suspicion("", f"schedules.{name}", "no route is muted by it")


def _clear(limit: Threshold) -> float | None:
    return limit.clear_below if limit.clear_below is not None else limit.clear_above


def _texts(rule: RuleSpec) -> list[str]:
    return [rule.expression(severity) for severity, _ in rule.thresholds]
