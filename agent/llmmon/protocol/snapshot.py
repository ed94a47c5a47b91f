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
from llmmon.protocol.views import (
    AlertView,
    BudgetView,
    ChannelView,
    HealthView,
    IngestView,
    Limit,
    Measurement,
    SloView,
    WindowView,
)

__all__ = [
    "GROUPINGS",
    "MAX_ITEMS",
    "TAIL_TOPIC",
    "TOPIC",
    "VERSION",
    "AlertView",
    "BudgetView",
    "ChannelView",
    "Group",
    "Groups",
    "HealthView",
    "IngestView",
    "Limit",
    "Measurement",
    "Metrics",
    "SloView",
    "Snapshot",
    "Value",
    "WindowView",
    "as_dict",
    "decode_snapshot",
    "encode_snapshot",
]

VERSION: Final = 3
GROUPINGS: Final = ("model", "operation", "route", "provider", "service", "environment")
"""What a published snapshot can be grouped by. ``model`` groups carry their provider too."""
TOPIC: Final = "snapshot."
TAIL_TOPIC: Final = "tail."
"""``tail.requests``, ``tail.logs``, ``tail.errors``, ``tail.alerts``: lists of rows as they come,
with ``sampled_out`` counting those left out of a busy second."""
MAX_ITEMS: Final = 200_000


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
    slos: tuple[SloView, ...] = ()
    budgets: tuple[BudgetView, ...] = ()
    channels: tuple[ChannelView, ...] = ()

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
    (Snapshot, "slos"): SloView,
    (Snapshot, "budgets"): BudgetView,
    (Snapshot, "channels"): ChannelView,
    (HealthView, "measurements"): Measurement,
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
