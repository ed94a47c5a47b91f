"""Judges what comes in and tells people: checks, objectives, rules and alerts, as one part."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

from llmmon.errors import ConfigError, ControlError
from llmmon_collector.alerting import Alerting, Around
from llmmon_collector.alerts.policy import Policy
from llmmon_collector.alerts.row import AlertRow
from llmmon_collector.backfill import Askers, Backfill
from llmmon_collector.clock import Clock
from llmmon_collector.config.settings import Settings
from llmmon_collector.control.explanation import Present, explanation_document
from llmmon_collector.day import LocalDay
from llmmon_collector.health.checks.own import OWN_SPEC, OwnCheck, OwnFigures
from llmmon_collector.health.context import AgentBeat, CheckContext
from llmmon_collector.health.model import CheckSpec, with_defaults
from llmmon_collector.health.runner import HealthRunner
from llmmon_collector.intake.ledger import Ledger
from llmmon_collector.live import LiveMetrics
from llmmon_collector.logs import get_logger
from llmmon_collector.metrics import Sources
from llmmon_collector.objectives.objectives import Objectives
from llmmon_collector.objectives.rules import generated_rules
from llmmon_collector.past import Past
from llmmon_collector.place import Place
from llmmon_collector.rules.grammar import nearest
from llmmon_collector.scribe import Scribe
from llmmon_collector.storage import Storage


class Watch:
    """Looks once a tick; checks, deliveries and questions to the store go on beside it."""

    def __init__(
        self,
        settings: Settings,
        place: Place,
        clock: Clock,
        live: LiveMetrics,
        storage: Storage,
        ledger: Ledger,
    ) -> None:
        """Go on where the alerts' file ends.

        Raises:
            ConfigError: that file cannot be opened, or a secret cannot be read.
        """
        self._settings = settings
        self._state_dir = str(place.state_dir)
        self._clock = clock
        self._live = live
        self._ledger = ledger
        self.scribe = Scribe(storage.store)
        self._log = log = get_logger(__name__)
        chosen = settings.collector
        self.objectives = Objectives(
            settings.slos, settings.budgets, live.series, chosen.timezone, clock.wall_ns()
        )
        live.count_too = self.objectives.add
        around = Around(clock, place.environ, lambda event, fields: log.warning(event, **fields))
        path = place.state_dir / "alerts.db"
        self.alerting = Alerting(
            _policy(settings), chosen.window_lengths_s, path, around, self.scribe.alerts
        )
        context = CheckContext(clock, place.environ, self._agents)
        self.health = HealthRunner(self._checks(settings), context, random.SystemRandom())
        figures = OwnFigures(
            state_dir=self._state_dir,
            tick_s=chosen.tick_s,
            fold_lag_s=storage.lag_s,
            rules_took_s=lambda: self.alerting.took_s,
            outbox=self.alerting.undelivered,
            clocks_ahead_s=self._clocks_ahead_s,
        )
        self.health.register(OWN_SPEC.name, OwnCheck(figures, clock).run, OWN_SPEC)
        past = Past(storage.store, LocalDay(chosen.timezone).start_ns, chosen.max_series)
        askers = Askers(self.objectives, self.alerting.manager.engine)
        self.backfill = Backfill(storage.store, past, askers, storage.folded)

    def start(self) -> None:
        """Begin to check and to deliver; needs a running event loop."""
        self._tell_left_out()
        self.scribe.start()
        self.alerting.start()
        self.health.start()

    async def stop(self) -> None:
        """End the checks, save the alerts and write down what changed."""
        await self.health.stop()
        await self.backfill.stop()
        await self.alerting.stop()
        await self.scribe.stop()

    def tick(self) -> list[AlertRow]:
        """Judge the numbers as they are now; which alerts changed."""
        now_ns = self._clock.wall_ns()
        self.objectives.advance(now_ns)
        rows = self.alerting.tick(self.sources())
        self.scribe.health(now_ns, self.health.views())
        self.backfill.look()
        return rows

    def sources(self) -> Sources:
        """What rules read."""
        families = {
            "checks": self.health.table,
            "slos": self.objectives.slo_table,
            "budgets": self.objectives.budget_table,
        }
        return Sources(self._live.table, families, self.health.measure)

    def set_clock(self, now_ns: int, moved_ns: int) -> None:
        """The wall clock was set by ``moved_ns`` and is at ``now_ns``: nothing gets older by it."""
        self._live.set_clock(now_ns, moved_ns)
        self.objectives.set_clock(now_ns, moved_ns)
        self.alerting.manager.engine.set_clock(moved_ns)
        self.alerting.manager.set_clock(moved_ns)

    async def apply(self, settings: Settings) -> list[AlertRow]:
        """Put the rules, objectives, channels and checks of ``settings`` in force.

        Returns which alerts changed.

        Raises:
            ConfigError: one of them cannot be; then nothing has changed.
        """
        self.health.replace(self._checks(settings))
        try:
            rows = await self.alerting.replace(_policy(settings))
        except ConfigError:
            self.health.replace(self._checks(self._settings))
            raise
        self.objectives.replace(settings.slos, settings.budgets, self._clock.wall_ns())
        self._settings = settings
        self._tell_left_out()
        self._live.series.forget_groupings()
        return rows

    def explain(self, rule: str, labels: Mapping[str, str]) -> dict[str, Any]:
        """Why ``rule`` fires or not, for the groups that have ``labels``.

        Raises:
            ControlError: no rule of this name is in force.
        """
        manager = self.alerting.manager
        names = [known.name for known in manager.engine.rules]
        if rule not in names:
            reason = f'no rule "{rule}" is in force{nearest(rule, names)}'
            raise ControlError("not_found", reason)
        found = manager.engine.explain(rule, self.sources(), labels)
        now = Present(self._clock.mono_ns() / 1e9, self._clock.wall_ns())
        views = self.alerting.views()
        return explanation_document(found, views, manager.told(), now)

    def problems(self) -> tuple[str, ...]:
        """What is wrong, or should be known."""
        return (*self.alerting.problems(), *self.objectives.notices())

    def _agents(self) -> list[AgentBeat]:
        return [AgentBeat(*beat) for beat in self._ledger.beats(self._clock.mono_ns())]

    def _clocks_ahead_s(self) -> list[float]:
        mono_ns = self._clock.mono_ns()
        streams = self._ledger.streams.copy().values()
        return [stream.skew.ns / 1e9 for stream in streams if stream.is_alive(mono_ns)]

    def _tell_left_out(self) -> None:
        for text in (text for slo in self._settings.slos for text in slo.left_out):
            self._log.info("a burn rate that cannot be reached is not watched", reason=text)

    def _checks(self, settings: Settings) -> tuple[CheckSpec, ...]:
        return with_defaults(settings.checks, self._state_dir)


def _policy(settings: Settings) -> Policy:
    return Policy(
        rules=settings.rules,
        generated=generated_rules(settings.slos, settings.budgets),
        channels=settings.channels,
        routes=settings.routes,
        schedules=settings.schedules,
        inhibitions=settings.inhibitions,
        inhibit_defaults=settings.collector.inhibit_defaults,
    )
