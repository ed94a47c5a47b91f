"""The values that labels have in what is shown, the most frequent first."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from llmmon_tui.filtering.subject import alert_subject, check_subject, request_subject
from llmmon_tui.model import Picture

MOST_VALUES: Final = 200
"""Values kept a field."""
_UNIQUE: Final = frozenset({"id", "trace_id", "message", "summary"})
"""Texts that hardly two rows share: nothing to choose from."""
_Weighed = tuple[str, str | None, int]


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What a completion can offer."""

    values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By the field's full name, the most frequent first."""
    views: Mapping[str, str] = field(default_factory=dict)
    """The filters of saved views by the views' names."""


def vocabulary_of(picture: Picture, views: Mapping[str, str] | None = None) -> Vocabulary:
    """The labels of the groups (weighed by requests), requests, alerts and checks shown.

    At most `MOST_VALUES` a field.
    """
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for name, value, weight in _weighed(picture):
        if value and name not in _UNIQUE:
            counts[name][value] += weight
    values = {
        name: tuple(value for value, _ in counter.most_common(MOST_VALUES))
        for name, counter in counts.items()
    }
    return Vocabulary(values, views or {})


def _weighed(picture: Picture) -> Iterator[_Weighed]:
    groups = () if picture.window is None else picture.window.groups
    for group in groups:
        yield from _pairs(group.labels, int(group.metrics.get("requests") or 1))
    for row in picture.tail:
        yield from _pairs(request_subject(row).labels)
        if row.status_code is not None:
            yield "status_code", str(row.status_code), 1
    if picture.live is not None:
        for alert in picture.live.alerts:
            yield from _pairs(alert_subject(alert, 0).labels)
        for check in picture.live.health:
            yield from _pairs(check_subject(check, 0).labels)


def _pairs(labels: Mapping[str, str | None], weight: int = 1) -> Iterable[_Weighed]:
    return ((name, value, weight) for name, value in labels.items())
