"""Alerts, health checks and agents as rows of their tables, and agents back. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import orjson
from numpy.typing import NDArray

from llmmon.protocol.snapshot import AlertView, HealthView
from llmmon_collector.store.base import AgentRow
from llmmon_collector.store.schema import select

Columns = dict[str, NDArray[Any]]

_ALERT: Final = (
    *("id", "rule", "severity", "state", "metric", "comparison", "summary"),
    "acknowledged_by",
)
_ALERT_NUMBERS: Final = ("value", "threshold", "peak")
_CHECK: Final = ("name", "type", "status", "unit", "message")
_COUNTERS: Final = ("last_seq", "emitted", "next_event", "stored", "poisoned", "gone")


def alert_rows(at_ns: int, alerts: Sequence[AlertView]) -> Columns:
    """Rows of the ``alerts`` table."""
    columns: Columns = {name: _texts([getattr(a, name) for a in alerts]) for name in _ALERT}
    columns["labels"] = _texts([orjson.dumps(dict(a.labels)).decode() for a in alerts])
    for name in _ALERT_NUMBERS:
        columns[name] = _floats([getattr(a, name) for a in alerts])
    columns["window_s"] = np.array([a.window_s for a in alerts], np.int64)
    columns["no_data"] = np.array([a.no_data for a in alerts], np.bool_)
    columns["time"] = _times([at_ns] * len(alerts))
    columns["since"] = _times([a.since_ns for a in alerts])
    return columns


def health_rows(at_ns: int, checks: Sequence[HealthView]) -> Columns:
    """Rows of the ``health`` table."""
    columns: Columns = {name: _texts([getattr(c, name) for c in checks]) for name in _CHECK}
    for name in ("took_ms", "value"):
        columns[name] = _floats([getattr(c, name) for c in checks])
    columns["time"] = _times([at_ns] * len(checks))
    columns["since"] = _times([c.since_ns for c in checks])
    return columns


def agent_rows(agents: Sequence[AgentRow]) -> Columns:
    """Rows of the ``agents`` table."""
    columns: Columns = {
        "agent_id": _texts([a.agent_id.hex() for a in agents]),
        "service": _texts([a.service or None for a in agents]),
        "host": _texts([a.host or None for a in agents]),
        "claims": _texts([orjson.dumps(dict(a.claims)).decode() for a in agents]),
        "first_seen": _times([a.first_seen_ns for a in agents]),
        "last_seen": _times([a.last_seen_ns for a in agents]),
    }
    columns["parted"] = np.array([a.parted for a in agents], np.bool_)
    for name in ("epoch", *_COUNTERS, "lost"):
        columns[name] = np.array([getattr(a, name) for a in agents], np.uint64)
    return columns


AGENTS_SQL = select(
    (
        *("agent_id", "epoch", "coalesce(service, '')", "coalesce(host, '')", "claims", "parted"),
        *("epoch_ns(first_seen)", "epoch_ns(last_seen)", *_COUNTERS),
    ),
    "FROM agents",
)


def agent_of(row: Sequence[Any]) -> AgentRow:
    """The agent in a row of ``AGENTS_SQL``."""
    agent_id, epoch, service, host, claims, parted, first_seen_ns, last_seen_ns, *counters = row
    return AgentRow(
        agent_id=bytes.fromhex(agent_id),
        epoch=epoch,
        service=service,
        host=host,
        claims=orjson.loads(claims),
        parted=parted,
        first_seen_ns=first_seen_ns,
        last_seen_ns=last_seen_ns,
        **dict(zip(_COUNTERS, counters, strict=True)),
    )


def _texts(values: Sequence[str | None]) -> NDArray[np.object_]:
    column = np.empty(len(values), np.object_)
    column[:] = values
    return column


def _floats(values: Sequence[float | None]) -> NDArray[np.float64]:
    return np.array([np.nan if value is None else value for value in values], np.float64)


def _times(at_ns: Sequence[int | None]) -> NDArray[np.datetime64]:
    known = [np.iinfo(np.int64).min if at is None else at // 1000 for at in at_ns]
    return np.array(known, np.int64).astype("datetime64[us]")


def alerts_sql(at_ns: int, resolved_kept_s: float) -> str:
    """The last word on each alert at ``at_ns``; those that were over by then are left out."""
    until_us = at_ns // 1000
    over_us = until_us - round(resolved_kept_s * 1e6)
    last = "row_number() OVER (PARTITION BY id ORDER BY time DESC, rowid DESC) AS age"
    fired = "min(since) FILTER (state = 'firing') OVER (PARTITION BY id) AS fired"
    rows = select(("*", last, fired), f"FROM alerts WHERE time <= make_timestamp({until_us:d})")
    columns = (*_ALERT, "labels", *_ALERT_NUMBERS, "window_s", "no_data")
    times = ("epoch_us(since) * 1000", "epoch_us(fired) * 1000")
    standing = f"(state <> 'resolved' OR since > make_timestamp({over_us:d}))"
    return select((*columns, *times), f"FROM ({rows}) WHERE age = 1 AND {standing}")


def alert_of(row: Sequence[Any]) -> AlertView:
    """The alert in a row of ``alerts_sql``: what was not stored is as of an alert without it."""
    same, labels = row[: len(_ALERT)], row[len(_ALERT)]
    value, threshold, peak, window_s, no_data, since_ns, fired_ns = row[len(_ALERT) + 1 :]
    texts = dict(zip(_ALERT, same, strict=True))
    return AlertView(
        **texts,
        labels=orjson.loads(labels),
        value=value,
        threshold=threshold,
        peak=peak,
        window_s=window_s,
        no_data=bool(no_data),
        since_ns=since_ns,
        fired_ns=fired_ns,
        resolved_ns=since_ns if texts["state"] == "resolved" else None,
        runbook="",
    )


def health_sql(since_ns: int, at_ns: int) -> str:
    """The last word of each check that was written down by ``at_ns``, and not before
    ``since_ns``."""
    bounds = f"make_timestamp({since_ns // 1000:d}) AND make_timestamp({at_ns // 1000:d})"
    last = "row_number() OVER (PARTITION BY name ORDER BY time DESC, rowid DESC) AS age"
    rows = select(("*", last), f"FROM health WHERE time BETWEEN {bounds}")
    times = ("epoch_us(since) * 1000", "epoch_us(time) * 1000")
    return select(
        (*_CHECK, "took_ms", "value", *times), f"FROM ({rows}) WHERE age = 1 ORDER BY name"
    )


def health_of(row: Sequence[Any]) -> HealthView:
    """The check in a row of ``health_sql``: it was looked at when that was written, or later."""
    took_ms, value, since_ns, checked_ns = row[len(_CHECK) :]
    return HealthView(
        **dict(zip(_CHECK, row, strict=False)),
        took_ms=took_ms,
        value=value,
        since_ns=checked_ns if since_ns is None else since_ns,
        checked_ns=checked_ns,
    )
