"""All rules, once a tick. Pure: tables come in through sources, times as arguments."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial

from llmmon.protocol.snapshot import Limit
from llmmon_collector.metrics import MetricTable, Sources
from llmmon_collector.rules.alert import Alert, AlertChange
from llmmon_collector.rules.explain import RuleExplanation, explain_rule, unexplained
from llmmon_collector.rules.expression import Scope
from llmmon_collector.rules.limits import limits_of
from llmmon_collector.rules.model import RuleSpec
from llmmon_collector.rules.past import MAX_POINTS, History, PastQuestion
from llmmon_collector.rules.rows import RowIndex
from llmmon_collector.rules.runner import Moment, RuleRunner, is_stale, retire
from llmmon_collector.rules.tables import Indexed, TableKey, Tables


@dataclass(frozen=True, slots=True)
class RuleHealth:
    """How one rule is doing."""

    name: str
    evaluated_ns: int | None = None
    """The last evaluation that went well, wall clock."""
    error: str = ""
    """Why the last one did not, or not for all groups; where it did not, alerts stay as they are
    until it does."""
    refused: int = 0
    """Groups over the rule's limit of instances."""


class RuleEngine:
    """Evaluates rules and keeps their alerts across reloads and restarts."""

    def __init__(self, rules: Iterable[RuleSpec], max_points: int = MAX_POINTS) -> None:
        """``max_points`` bounds the history that rules keep, in values of 8 bytes."""
        self._runners: dict[str, RuleRunner] = {}
        self._tables = Tables()
        self._history = History(max_points)
        self._health: dict[str, RuleHealth] = {}
        self._orphans: list[Alert] = []
        self._hold_until_s = 0.0
        self._last: Moment | None = None
        self._set_rules(rules)

    def evaluate(self, sources: Sources, mono_s: float, wall_ns: int) -> list[AlertChange]:
        """Evaluate every rule; rules of one window, grouping and filter share a table.

        A rule whose table or value fails keeps its alerts as they are; see :meth:`health`. So does
        a rule of a family that ``sources`` do not have, which is no failure.
        """
        moment = self._last = Moment(mono_s, wall_ns, hold=mono_s < self._hold_until_s)
        self._tables.begin()
        tables: dict[TableKey, Indexed | Exception | None] = {}
        changes: list[AlertChange] = []
        for runner in self._runners.values():
            if runner.table not in tables:
                tables[runner.table] = self._read(sources, runner.table)
            changes += self._run(runner, tables[runner.table], sources, moment)
        self._orphans = [alert for alert in self._orphans if not is_stale(alert, mono_s)]
        return changes

    def replace(self, rules: Iterable[RuleSpec], mono_s: float, wall_ns: int) -> list[AlertChange]:
        """Use ``rules`` from now on.

        Alerts of the same rule name and labels go on; those of removed rules and of rules that
        group differently now resolve, with the reason in the change.
        """
        alerts, self._orphans = self.alerts(), []
        self._last = Moment(mono_s, wall_ns)
        self._set_rules(rules)
        return self._hand_over(alerts, self._last)

    def restore(
        self, alerts: Iterable[Alert], hold_until_s: float, mono_s: float, wall_ns: int
    ) -> list[AlertChange]:
        """Go on with the alerts of an earlier process.

        Until ``hold_until_s`` (monotonic) they do not get better: windows that are still filling
        would look like recovery. Nor is history recorded, or missing data made an alert.
        """
        self._hold_until_s = hold_until_s
        self._last = Moment(mono_s, wall_ns)
        marked = (replace(alert, restored=alert.instance.active) for alert in alerts)
        return self._hand_over(marked, self._last)

    def set_clock(self, moved_ns: int) -> None:
        """The wall clock was set forward by ``moved_ns``, or back: history keeps its age."""
        self._history.set_clock(moved_ns)

    def wanted_past(self) -> tuple[PastQuestion, ...]:
        """What functions of the past need and nobody recorded; see :meth:`fill_past`.

        Empty before the engine has been told the time by any other method.
        """
        return () if self._last is None else self._history.wanted(self._last.wall_ns)

    def fill_past(self, question: PastQuestion, points: Iterable[tuple[int, MetricTable]]) -> None:
        """Take the answer to a question: tables with the wall times, in ns, that they are as of.

        Points may be missing. What was recorded meanwhile stays; an answer that nobody needs any
        more is dropped.
        """
        self._history.fill(question, points)

    def ask_again(self, question: PastQuestion) -> None:
        """``question`` could not be answered: :meth:`wanted_past` has it again a minute later."""
        if self._last is not None:
            self._history.ask_again(question, self._last.wall_ns)

    def explain(
        self, name: str, sources: Sources, labels: Mapping[str, str] | None = None
    ) -> RuleExplanation:
        """Why the rule of this name fires or not, as of the last evaluation.

        With ``labels`` only the groups that have them are told.

        Raises:
            KeyError: no rule in force has this name.
        """
        runner = self._runners[name]
        self._tables.begin()
        read = self._read(sources, runner.table)
        if self._last is None or not isinstance(read, Indexed):
            return unexplained(runner.spec, _reason(read))
        scope = self._scope(runner, read, sources, self._last)
        error = self._history.problem(runner.table, runner.recalls)
        items = (labels or {}).items()
        return replace(explain_rule(runner, scope, read.index, self._last, items), error=error)

    def alerts(self) -> tuple[Alert, ...]:
        """Pending, firing and lately resolved alerts."""
        own = (alert for runner in self._runners.values() for alert in runner.alerts())
        return (*own, *self._orphans)

    def limits(self) -> tuple[Limit, ...]:
        """The limits on plain metrics of the whole, for gauges to draw."""
        return tuple(limit for runner in self._runners.values() for limit in limits_of(runner.spec))

    def health(self) -> tuple[RuleHealth, ...]:
        """How each rule is doing."""
        return tuple(self._health[name] for name in self._runners)

    @property
    def rules(self) -> tuple[RuleSpec, ...]:
        """The rules in force."""
        return tuple(runner.spec for runner in self._runners.values())

    def _set_rules(self, rules: Iterable[RuleSpec]) -> None:
        self._runners = {rule.name: RuleRunner(rule) for rule in rules if not rule.disabled}
        runners = self._runners.values()
        self._tables.use({runner.table for runner in runners})
        self._history.use((runner.table, recall) for runner in runners for recall in runner.recalls)
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

    def _read(self, sources: Sources, key: TableKey) -> Indexed | Exception | None:
        try:
            return self._tables.read(sources, key)
        except Exception as error:  # whatever ails a source must not stop the other rules
            return error

    def _run(
        self,
        runner: RuleRunner,
        read: Indexed | Exception | None,
        sources: Sources,
        moment: Moment,
    ) -> list[AlertChange]:
        name = runner.spec.name
        if not isinstance(read, Indexed):
            self._health[name] = replace(self._health[name], error=_reason(read))
            return []
        scope = self._scope(runner, read, sources, moment)
        try:
            if not moment.hold:
                self._record(runner, read.index, scope, moment.wall_ns)
            seen = runner.look(scope, read.index)
        except Exception as error:  # nor may what a check measured
            self._health[name] = replace(self._health[name], error=_reason(error))
            return []
        changes = runner.judge(seen, moment)
        problem = self._history.problem(runner.table, runner.recalls)
        self._health[name] = RuleHealth(name, moment.wall_ns, problem, runner.refused)
        return changes

    def _scope(self, runner: RuleRunner, read: Indexed, sources: Sources, moment: Moment) -> Scope:
        recall = partial(self._history.recall, runner.table, read.index, moment.wall_ns)
        return Scope(read.table, sources.measure, recall)

    def _record(self, runner: RuleRunner, index: RowIndex, scope: Scope, wall_ns: int) -> None:
        for recall in runner.recalls:
            self._history.record(runner.table, index, wall_ns, recall, scope)


def _reason(failure: Exception | Indexed | None) -> str:
    return f"{type(failure).__name__}: {failure}" if isinstance(failure, Exception) else ""
