"""Plays a test of rules with the daemon's own alerting, and notes what each channel is told."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from llmmon_collector.alerts.manager import AlertManager, Start
from llmmon_collector.alerts.policy import Policy
from llmmon_collector.config.settings import Settings
from llmmon_collector.duration import format_duration
from llmmon_collector.notify.notification import Delivery
from llmmon_collector.objectives.rules import budget_rules, slo_rule
from llmmon_collector.rules.builtin import effective_rules
from llmmon_collector.rules.model import RuleSpec
from llmmon_collector.tools.casefile import Case
from llmmon_collector.tools.given import Given, Subject

MOST_TOGETHER = 100


class Message(NamedTuple):
    """One message of one channel, at its time in the case."""

    at: str
    channel: str
    alerts: tuple[str, ...]
    """Such as ``firing critical slow_models model=m``."""


def generated_rules(settings: Settings) -> tuple[RuleSpec, ...]:
    """Those that objectives and budgets come with."""
    slos = [slo_rule(slo) for slo in settings.slos]
    return (*slos, *(rule for budget in settings.budgets for rule in budget_rules(budget)))


def rehearse(settings: Settings, case: Case, db_path: Path) -> list[Message]:
    """What is told in ``case`` about the rules of ``settings``, the built-in ones left out."""
    zone = settings.collector.timezone or "UTC"
    subject = Subject(effective_rules(settings.rules), settings.slos, settings.budgets, zone)
    given, policy = Given(case, subject), _policy(settings)
    manager = AlertManager(policy, db_path, Start(0.0, case.start_ns), lambda *_: None)
    own = {rule.name for rule in (*settings.rules, *policy.generated)}
    told: list[Message] = []
    for turn in range(case.evaluations):
        at_s = turn * case.every_s
        wall_ns = case.start_ns + round(at_s * 1e9)
        manager.tick(given.at(turn, wall_ns), at_s, wall_ns)
        for channel in policy.targets:
            while batch := manager.outbox.take(channel, round(at_s * 1e9), wall_ns, MOST_TOGETHER):
                manager.outbox.sent(batch)
                if alerts := tuple(_lines(batch, own)):
                    told.append(Message(format_duration(at_s) if at_s else "0s", channel, alerts))
    manager.close(at_s, wall_ns)
    return told


def _policy(settings: Settings) -> Policy:
    return Policy(
        rules=settings.rules,
        generated=generated_rules(settings),
        channels=settings.channels,
        routes=settings.routes,
        schedules=settings.schedules,
        inhibitions=settings.inhibitions,
        inhibit_defaults=settings.collector.inhibit_defaults,
    )


def _lines(batch: Iterable[Delivery], rules: set[str]) -> Iterable[str]:
    for delivery in batch:
        alert = delivery.alert
        if alert.rule in rules:
            labels = [f"{name}={value}" for name, value in alert.labels.items()]
            yield " ".join([delivery.event, alert.severity, alert.rule, *labels])
