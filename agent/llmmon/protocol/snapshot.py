"""What a collector publishes to viewers, once a second for each grouping that somebody watches.

Topic ``snapshot.<by>`` carries a :class:`Snapshot` grouped by ``<by>``, one of ``GROUPINGS``.
Sequence numbers rise by one a tick, the same on every topic: a viewer that sees a gap, or nothing
for three seconds, fetches the state again through the control socket.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, Final

from llmmon.errors import SchemaError, VersionError
from llmmon.protocol.codec import pack, unpack
from llmmon.protocol.groups import Group, Groups, Metrics, Value

__all__ = [
    "GROUPINGS",
    "MAX_ITEMS",
    "TAIL_TOPIC",
    "TOPIC",
    "VERSION",
    "AlertView",
    "Group",
    "Groups",
    "HealthView",
    "IngestView",
    "Limit",
    "Metrics",
    "Snapshot",
    "Value",
    "WindowView",
    "as_dict",
    "decode_snapshot",
    "encode_snapshot",
]

VERSION: Final = 2
GROUPINGS: Final = ("model", "operation", "route", "provider", "service", "environment")
"""What a published snapshot can be grouped by. ``model`` groups carry their provider too."""
TOPIC: Final = "snapshot."
TAIL_TOPIC: Final = "tail."
"""``tail.requests``, ``tail.logs``, ``tail.errors``, ``tail.alerts``: lists of rows as they come,
with ``sampled_out`` counting those left out of a busy second."""
MAX_ITEMS: Final = 200_000


@dataclass(frozen=True, slots=True)
class WindowView:
    """One rolling window at the snapshot's time."""

    window_s: int
    total: Metrics
    previous: Metrics
    """The same metrics over the window of equal length just before; empty where it is unknown."""
    groups: Sequence[Group]
    quality_buckets: tuple[int, ...]
    """Scored requests by quality in [0, .2), [.2, .4), [.4, .6), [.6, .8), [.8, 1]."""


@dataclass(frozen=True, slots=True)
class AlertView:
    """One alert instance: a rule and one group of series."""

    id: str
    """The deduplication key, stable from first firing to resolved."""
    rule: str
    severity: str
    """``warning`` or ``critical``."""
    state: str
    """``pending``, ``firing`` or ``resolved``."""
    labels: Mapping[str, str]
    metric: str
    value: Value
    threshold: Value
    comparison: str
    """``above`` or ``below``."""
    window_s: int
    since_ns: int
    """When the present state began, wall clock."""
    fired_ns: int | None
    resolved_ns: int | None
    peak: Value
    summary: str
    runbook: str
    acknowledged_by: str | None = None
    silenced_until_ns: int | None = None
    no_data: bool = False


@dataclass(frozen=True, slots=True)
class HealthView:
    """The last word of one health check."""

    name: str
    type: str
    status: str
    """``ok``, ``degraded``, ``failing`` or ``unknown``."""
    since_ns: int
    checked_ns: int | None
    took_ms: float | None
    value: float | None
    unit: str
    message: str


@dataclass(frozen=True, slots=True)
class IngestView:
    """The ledger: emitted = stored + lost + in flight, over all agents known."""

    agents: int
    """Agents heard of within three of their heartbeat intervals."""
    events_stored: int
    events_per_second: float
    duplicates_dropped: int
    events_lost: Mapping[str, int]
    events_in_flight: int
    rejected_batches: int
    late_events: int
    """Events too old for the live windows: stored, and not in these numbers."""
    series: int
    series_limit: int
    overflowed_series: int
    """Series folded into ``__other__``."""
    unpriced_models: tuple[str, ...]
    fold_lag_s: float | None
    """Age of the oldest committed batch that the store does not yet hold."""
    agents_gone: int = 0
    """Agents and epochs that ended without a goodbye less than an hour ago, or longer ago with
    events that have not come since."""
    batches_throttled: int = 0
    """Batches that agents were told to send again later, since the collector started."""


@dataclass(frozen=True, slots=True)
class Limit:
    """A rule's threshold on the whole, for a gauge to draw."""

    rule: str
    metric: str
    window_s: int
    comparison: str
    warning: float | None
    critical: float | None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything an overview shows, at one instant."""

    version: int
    seq: int
    at_ns: int
    name: str
    """The collector's name."""
    note: str
    """What the collector was told to say of its data, such as "replay: ..."; else empty."""
    started_ns: int
    by: str
    windows: tuple[WindowView, ...]
    """Shortest first."""
    alerts: tuple[AlertView, ...]
    """Worst first; resolved ones for fifteen minutes."""
    health: tuple[HealthView, ...]
    ingest: IngestView
    limits: tuple[Limit, ...]
    problems: tuple[str, ...]
    """What is wrong with the collector itself: a broken rule file, a full disk."""

    def window(self, window_s: int) -> WindowView:
        """The view of ``window_s``.

        Raises:
            KeyError: the collector keeps no such window.
        """
        for view in self.windows:
            if view.window_s == window_s:
                return view
        raise KeyError(window_s)


_NESTED: Final[dict[tuple[type, str], type]] = {
    (Snapshot, "windows"): WindowView,
    (Snapshot, "alerts"): AlertView,
    (Snapshot, "health"): HealthView,
    (Snapshot, "ingest"): IngestView,
    (Snapshot, "limits"): Limit,
}


def encode_snapshot(snapshot: Snapshot) -> bytes:
    """``snapshot`` as msgpack."""
    return pack(_plain(snapshot))


def decode_snapshot(payload: bytes) -> Snapshot:
    """The snapshot in ``payload``.

    Raises:
        SchemaError: another shape than ``encode_snapshot`` writes.
        VersionError: a collector of another version.
    """
    plain = unpack(payload, MAX_ITEMS, 4 * MAX_ITEMS)
    if isinstance(plain, list) and plain and type(plain[0]) is int and plain[0] != VERSION:
        raise VersionError(plain[0], VERSION)
    snapshot: Snapshot = _build(Snapshot, plain)
    return snapshot


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        return [_plain_field(value, field.name) for field in fields(value)]
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return dict(value) if isinstance(value, Mapping) else value


def _plain_field(owner: Any, name: str) -> Any:
    value = getattr(owner, name)
    return Groups.of(value).plain() if name == "groups" else _plain(value)


def _build(kind: type, plain: Any) -> Any:
    names = [field.name for field in fields(kind)]
    if not isinstance(plain, list) or len(plain) != len(names):
        raise SchemaError(f"{kind.__name__}: expected {len(names)} fields")
    return kind(
        **{name: _build_field(kind, name, value) for name, value in zip(names, plain, strict=True)}
    )


def _build_field(kind: type, name: str, value: Any) -> Any:
    if name == "groups":
        return Groups.from_plain(value)
    nested = _NESTED.get((kind, name))
    if nested is None:
        return tuple(value) if isinstance(value, list) else value
    if isinstance(value, list) and all(isinstance(item, list) for item in value):
        if name == "ingest":
            return _build(nested, value)
        return tuple(_build(nested, item) for item in value)
    if name == "ingest":
        return _build(nested, value)
    raise SchemaError(f"{kind.__name__}.{name}: expected a list of {nested.__name__}")


def as_dict(value: Any) -> dict[str, Any]:
    """A snapshot or a part of it as plain dicts, for JSON."""
    return {field.name: _told(getattr(value, field.name)) for field in fields(value)}


def _told(value: Any) -> Any:
    if is_dataclass(value):
        return as_dict(value)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_told(item) for item in value]
    return dict(value) if isinstance(value, Mapping) else value
