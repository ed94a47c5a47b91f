"""Words for people: a title and some lines on a notification, by template or by default. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Annotated, Final, NamedTuple

from pydantic import AfterValidator, Field

from llmmon.protocol.names import DIMENSIONS
from llmmon.protocol.snapshot import AlertView
from llmmon_collector.duration import format_duration
from llmmon_collector.notify.notification import Delivery, Event
from llmmon_collector.rules.summary import check_template, format_value, render

LABELS: Final = (*DIMENSIONS, "check", "type", "slo", "budget")
"""Every label that some alert has. In the text of one that lacks it, it is empty."""
FIELDS: Final = ("event", "labels", "summary", "runbook", "id", "since", "until", "by")
"""What a channel's template may name besides the labels and what a rule's summary may name."""
MAX_TITLE: Final = 300

Escape = Callable[[str], str]


def _check_lines(template: str) -> str:
    for line in template.splitlines():
        check_template(line, (*FIELDS, *LABELS))
    return template


def _check_one_line(template: str) -> str:
    if len(template.splitlines()) > 1:
        raise ValueError("a title is one line")
    return _check_lines(template)


TitleTemplate = Annotated[str, Field(max_length=500), AfterValidator(_check_one_line)]
TextTemplate = Annotated[str, Field(max_length=5000), AfterValidator(_check_lines)]


class Wording(NamedTuple):
    """A channel's templates; empty ones stand for the default."""

    title: str = ""
    text: str = ""

    def title_of(self, delivery: Delivery, escape: Escape = str) -> str:
        """One line on ``delivery``; ``escape`` is applied to what is put into the template.

        Where the template comes out empty it is the default.
        """
        title = render(self.title, fields_of(delivery, escape))[:MAX_TITLE]
        return title if title.strip() else escape(_title(delivery))

    def text_of(self, delivery: Delivery, escape: Escape = str) -> str:
        """Some lines on ``delivery``; as :meth:`title_of`, and empty lines are left out."""
        fields = fields_of(delivery, escape)
        lines = [render(line, fields) for line in self.text.splitlines()]
        written = [line for line in lines if line.strip()]
        known = (f"{name}: {value}" for name, value in facts(delivery).items())
        return "\n".join(written) or escape("\n".join(known))


def state_of(delivery: Delivery) -> str:
    """``RESOLVED``, ``ACKNOWLEDGED``, or the severity of an alert that fires."""
    return (delivery.alert.severity if delivery.event == "firing" else delivery.event).upper()


def group_title(batch: Sequence[Delivery]) -> str:
    """One line for many."""
    events: tuple[Event, ...] = ("firing", "acknowledged", "resolved")
    counts = {event: sum(delivery.event == event for delivery in batch) for event in events}
    return "Alerts: " + ", ".join(f"{count} {event}" for event, count in counts.items() if count)


def facts(delivery: Delivery) -> dict[str, str]:
    """What there is to know of an alert, by what it is called."""
    alert = delivery.alert
    known = {
        "Value": f"{alert.metric} = {_written(alert, alert.value)}",
        "Limit": "" if alert.threshold is None else _limit(alert, alert.threshold),
        "Worst": "" if alert.peak is None else format_value(alert.peak, alert.metric),
        "Window": _window(alert),
        "Since": "" if alert.fired_ns is None else iso(alert.fired_ns),
        "Until": "" if alert.resolved_ns is None else iso(alert.resolved_ns),
        "Acknowledged by": alert.acknowledged_by or "",
        **alert.labels,
        "Runbook": alert.runbook,
    }
    return {name: value for name, value in known.items() if value}


def _window(alert: AlertView) -> str:
    """Empty for checks, objectives and budgets: they have none."""
    return format_duration(alert.window_s) if alert.window_s else ""


def labels_text(alert: AlertView) -> str:
    """``service=bot, model=gpt-4o``."""
    return ", ".join(f"{name}={value}" for name, value in alert.labels.items() if value)


def fields_of(delivery: Delivery, escape: Escape = str) -> dict[str, str | float | None]:
    """What templates can name, with values."""
    alert = delivery.alert
    texts = {
        **dict.fromkeys(LABELS, ""),
        **alert.labels,
        "rule": alert.rule,
        "severity": alert.severity,
        "metric": alert.metric,
        "comparison": alert.comparison,
        "window": _window(alert),
        "event": delivery.event,
        "labels": labels_text(alert),
        "summary": alert.summary,
        "runbook": alert.runbook,
        "id": alert.id,
        "since": "" if alert.fired_ns is None else iso(alert.fired_ns),
        "until": "" if alert.resolved_ns is None else iso(alert.resolved_ns),
        "by": alert.acknowledged_by or "",
    }
    numbers = {"value": alert.value, "threshold": alert.threshold}
    return {**{name: escape(text) for name, text in texts.items()}, **numbers}


def iso(at_ns: int) -> str:
    """Wall time as ISO 8601 in UTC, to the millisecond."""
    at = datetime.fromtimestamp(at_ns / 1e9, UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def cut(text: str, most: int) -> str:
    """``text``, ended with an ellipsis where it is longer than ``most`` characters."""
    return text if len(text) <= most else text[: most - 1] + "…"


def _title(delivery: Delivery) -> str:
    alert = delivery.alert
    labels = labels_text(alert)
    return f"[{state_of(delivery)}] {alert.rule}{f' ({labels})' if labels else ''}: {alert.summary}"


def _written(alert: AlertView, value: float | None) -> str:
    return "no data" if alert.no_data else format_value(value, alert.metric)


def _limit(alert: AlertView, threshold: float) -> str:
    return f"{alert.comparison} {format_value(threshold, alert.metric)}"
