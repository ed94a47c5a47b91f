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

_COUNTERS: Final = ("last_seq", "emitted", "next_event", "stored", "poisoned", "gone")


def alert_rows(at_ns: int, alerts: Sequence[AlertView]) -> Columns:
    """Rows of the ``alerts`` table."""
    same = ("id", "rule", "severity", "state", "metric", "comparison", "summary", "acknowledged_by")
    columns: Columns = {name: _texts([getattr(a, name) for a in alerts]) for name in same}
    columns["labels"] = _texts([orjson.dumps(dict(a.labels)).decode() for a in alerts])
    for name in ("value", "threshold", "peak"):
        columns[name] = _floats([getattr(a, name) for a in alerts])
    columns["window_s"] = np.array([a.window_s for a in alerts], np.int64)
    columns["no_data"] = np.array([a.no_data for a in alerts], np.bool_)
    columns["time"] = _times([at_ns] * len(alerts))
    columns["since"] = _times([a.since_ns for a in alerts])
    return columns


def health_rows(at_ns: int, checks: Sequence[HealthView]) -> Columns:
    """Rows of the ``health`` table."""
    same = ("name", "type", "status", "unit", "message")
    columns: Columns = {name: _texts([getattr(c, name) for c in checks]) for name in same}
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
