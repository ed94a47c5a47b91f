"""What alerting follows: rules, channels and who hears of what. Replaced as a whole on reload."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from llmmon_collector.alerts.model import InhibitSpec, RouteSpec, ScheduleSpec
from llmmon_collector.notify.model import DEFAULT_CHANNELS, ChannelSpec
from llmmon_collector.rules.builtin import effective_rules
from llmmon_collector.rules.model import RuleSpec


@dataclass(frozen=True, slots=True)
class Policy:
    """Everything of the configuration that alerts depend on."""

    rules: tuple[RuleSpec, ...] = ()
    """The user's own; the built-in ones are added."""
    generated: tuple[RuleSpec, ...] = ()
    """Rules that objectives and budgets make, such as ``slo.chat``."""
    channels: Mapping[str, ChannelSpec] = field(default_factory=dict)
    """By name; none means the log."""
    routes: tuple[RouteSpec, ...] = ()
    schedules: Mapping[str, ScheduleSpec] = field(default_factory=dict)
    inhibitions: tuple[InhibitSpec, ...] = ()
    inhibit_defaults: bool = True
    """Whether what is critical mutes warnings about the same."""

    @property
    def targets(self) -> Mapping[str, ChannelSpec]:
        """The channels there are: at least the log."""
        return self.channels or DEFAULT_CHANNELS

    def rules_in_force(self, windows_s: Collection[float]) -> tuple[RuleSpec, ...]:
        """All rules, the built-in ones fitted to the windows that are kept.

        Raises:
            ConfigError: two rules of one name.
        """
        return effective_rules((*self.rules, *self.generated), windows_s)
