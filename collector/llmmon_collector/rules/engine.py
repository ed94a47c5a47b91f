"""All rules, once a tick. Pure: tables come in through a source, times as arguments."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import NamedTuple

from llmmon.protocol.names import METRICS
from llmmon.protocol.snapshot import Limit
from llmmon_collector.metrics import MetricSource, MetricTable
from llmmon_collector.rules.alert import Alert, AlertChange
from llmmon_collector.rules.compile import compile_where
from llmmon_collector.rules.model import RuleSpec
from llmmon_collector.rules.runner import Moment, RuleRunner, is_stale, retire
from llmmon_collector.series import Where


@dataclass(frozen=True, slots=True)
class RuleHealth:
    """How one rule is doing."""

    name: str
    evaluated_ns: int | None = None
    """The last evaluation that went well, wall clock."""
    error: str = ""
    """Why the last one did not; its alerts stay as they are until it does."""
    refused: int = 0
    """Groups over the rule's limit of instances."""


class _TableKey(NamedTuple):
    window_s: int
    by: tuple[str, ...]
    where: str


class RuleEngine:
    """Evaluates rules and keeps their alerts across reloads and restarts."""

    def __init__(self, rules: Iterable[RuleSpec]) -> None:
        self._runners: dict[str, RuleRunner] = {}
        self._filters: dict[str, Where] = {}
        self._health: dict[str, RuleHealth] = {}
        self._orphans: list[Alert] = []
        self._hold_until_s = 0.0
        self._set_rules(rules)

    def evaluate(self, source: MetricSource, mono_s: float, wall_ns: int) -> list[AlertChange]:
        """Evaluate every rule; rules of one window, grouping and filter share a table.

        A rule whose table or value fails keeps its alerts as they are; see :meth:`health`.
        """
        moment = Moment(mono_s, wall_ns, hold=mono_s < self._hold_until_s)
        tables: dict[_TableKey, MetricTable | Exception] = {}
        changes: list[AlertChange] = []
        for runner in self._runners.values():
            key = _TableKey(int(runner.spec.window_s), runner.spec.by, runner.spec.where)
            if key not in tables:
                tables[key] = self._read(source, key)
            changes += self._run(runner, tables[key], moment)
        self._orphans = [alert for alert in self._orphans if not is_stale(alert, mono_s)]
        return changes

    def replace(self, rules: Iterable[RuleSpec], mono_s: float, wall_ns: int) -> list[AlertChange]:
        """Use ``rules`` from now on.

        Alerts of the same rule name and labels go on; those of removed rules and of rules that
        group differently now resolve, with the reason in the change.
        """
        alerts, self._orphans = self.alerts(), []
        self._set_rules(rules)
        return self._hand_over(alerts, Moment(mono_s, wall_ns))

    def restore(
        self, alerts: Iterable[Alert], hold_until_s: float, mono_s: float, wall_ns: int
    ) -> list[AlertChange]:
        """Go on with the alerts of an earlier process.

        Until ``hold_until_s`` (monotonic) they do not get better: windows that are still filling
        would look like recovery.
        """
        self._hold_until_s = hold_until_s
        marked = (replace(alert, restored=alert.instance.active) for alert in alerts)
        return self._hand_over(marked, Moment(mono_s, wall_ns))

    def alerts(self) -> tuple[Alert, ...]:
        """Pending, firing and lately resolved alerts."""
        own = (alert for runner in self._runners.values() for alert in runner.alerts())
        return (*own, *self._orphans)

    def limits(self) -> tuple[Limit, ...]:
        """The limits on plain metrics of the whole, for gauges to draw."""
        specs = (runner.spec for runner in self._runners.values())
        return tuple(
            Limit(
                rule=spec.name,
                metric=spec.value.strip(),
                window_s=int(spec.window_s),
                comparison=spec.thresholds[0][1].comparison,
                warning=None if spec.warning is None else spec.warning.limit,
                critical=None if spec.critical is None else spec.critical.limit,
            )
            for spec in specs
            if not spec.by and not spec.where and spec.value.strip() in METRICS
        )

    def health(self) -> tuple[RuleHealth, ...]:
        """How each rule is doing."""
        return tuple(self._health[name] for name in self._runners)

    @property
    def rules(self) -> tuple[RuleSpec, ...]:
        """The rules in force."""
        return tuple(runner.spec for runner in self._runners.values())

    def _set_rules(self, rules: Iterable[RuleSpec]) -> None:
        self._runners = {rule.name: RuleRunner(rule) for rule in rules if not rule.disabled}
        texts = {runner.spec.where for runner in self._runners.values()} - {""}
        # one filter a text, and the same one for as long as it is used: tables are cached by it
        self._filters = {text: self._filters.get(text) or compile_where(text) for text in texts}
        self._health = {name: self._health.get(name, RuleHealth(name)) for name in self._runners}

    def _hand_over(self, alerts: Iterable[Alert], moment: Moment) -> list[AlertChange]:
        changes = []
        for alert in alerts:
            runner = self._runners.get(alert.rule.name)
            if runner is not None and runner.adopt(alert):
                continue
            if alert.instance.active:
                reason = "rule_removed" if runner is None else "rule_changed"
                changes += retire(alert, moment, reason)
            else:
                self._orphans.append(alert)
        self._orphans += [change.alert for change in changes]
        return changes

    def _read(self, source: MetricSource, key: _TableKey) -> MetricTable | Exception:
        try:
            return source(key.window_s, key.by, self._filters.get(key.where))
        except Exception as error:  # whatever ails a source must not stop the other rules
            return error

    def _run(
        self, runner: RuleRunner, table: MetricTable | Exception, moment: Moment
    ) -> list[AlertChange]:
        name = runner.spec.name
        if isinstance(table, Exception):
            reason = f"{type(table).__name__}: {table}"
            self._health[name] = replace(self._health[name], error=reason)
            return []
        changes = runner.evaluate(table, moment)
        self._health[name] = RuleHealth(name, moment.wall_ns, "", runner.refused)
        return changes
