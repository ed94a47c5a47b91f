"""Which alerts there are to follow: the engine's, and those whose end nobody was told yet. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from llmmon_collector.alerts.record import Record
from llmmon_collector.rules.alert import Alert, AlertKey


def by_key(alerts: Iterable[Alert]) -> dict[AlertKey, Alert]:
    """``alerts``, of which no two are of one rule and group."""
    return {alert.key: alert for alert in alerts}


def with_unfinished(
    present: Mapping[AlertKey, Alert],
    before: Mapping[AlertKey, Alert],
    records: Mapping[AlertKey, Record],
) -> dict[AlertKey, Alert]:
    """``present``, and of ``before`` those that somebody still has to hear the end of."""
    kept = dict(present)
    for key in before.keys() - present.keys():
        record = records.get(key)
        if record is not None and record.open:
            kept[key] = before[key]
    return kept
