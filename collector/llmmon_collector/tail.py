"""Rows for whoever follows requests, errors and logs live: as many a tick as a person can read."""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan
from typing import Any, Final

from llmmon.protocol.event import SERIES_FIELDS, Kind, request_id
from llmmon.protocol.money import usd
from llmmon.protocol.snapshot import TAIL_TOPIC
from llmmon.protocol.wire import Batch, decode_series, pack
from llmmon_collector.requests import Requests

MOST_ROWS: Final = 200
"""Rows a topic and tick; the others are counted."""

REQUESTS, ERRORS, LOGS, ALERTS = (
    TAIL_TOPIC + name for name in ("requests", "errors", "logs", "alerts")
)
_PLAIN: Final = (
    "trace_id",
    "user_id",
    "latency_ms",
    "ttft_ms",
    "input_tokens",
    "output_tokens",
    "error",
    "status_code",
)


class Tail:
    """Collects what came since the last tick, for the topics that are wanted."""

    def __init__(self) -> None:
        self._rows: dict[str, list[dict[str, Any]]] = {}
        self._left_out: dict[str, int] = {}

    def add_batches(
        self, batches: Sequence[Batch], requests: Requests, wanted: frozenset[str]
    ) -> None:
        """Take rows from ``batches``, whose requests, in order, are ``requests``."""
        offset = 0
        for batch in batches:
            table = batch.tables.get(Kind.REQUEST)
            if table is not None:
                if wanted & {REQUESTS, ERRORS}:
                    self._add_requests(batch, requests, offset, wanted)
                offset += table.events
            if LOGS in wanted and Kind.LOG in batch.tables:
                self._extend(LOGS, batch.tables[Kind.LOG].rows())

    def add_alerts(self, rows: Sequence[dict[str, Any]]) -> None:
        """Take alert transitions."""
        self._extend(ALERTS, list(rows))

    def drain(self) -> dict[str, bytes]:
        """Payloads by topic of what came since the last drain."""
        payloads = {
            topic: pack({"rows": rows, "sampled_out": self._left_out.get(topic, 0)})
            for topic, rows in self._rows.items()
        }
        self._rows.clear()
        self._left_out.clear()
        return payloads

    def _add_requests(
        self, batch: Batch, requests: Requests, offset: int, wanted: frozenset[str]
    ) -> None:
        rows = _request_rows(batch, requests, offset)
        if REQUESTS in wanted:
            self._extend(REQUESTS, rows)
        if ERRORS in wanted:
            self._extend(ERRORS, [row for row in rows if row["error"] is not None])

    def _extend(self, topic: str, rows: list[dict[str, Any]]) -> None:
        if not rows:
            return
        kept = self._rows.setdefault(topic, [])
        room = MOST_ROWS - len(kept)
        kept += rows[:room]
        self._left_out[topic] = self._left_out.get(topic, 0) + max(0, len(rows) - room)


def _request_rows(batch: Batch, requests: Requests, offset: int) -> list[dict[str, Any]]:
    table = batch.tables[Kind.REQUEST]
    keys = [dict(zip(SERIES_FIELDS, decode_series(key), strict=True)) for key in batch.series]
    columns = {name: table.values(name) for name in _PLAIN}
    ids, counters, series = (table.values(name) for name in ("id", "counter", "series"))
    rows = []
    for i in range(min(table.events, MOST_ROWS)):
        at = offset + i
        quality, cost = float(requests.quality[at]), int(requests.cost_pico[at])
        rows.append(
            {
                **(keys[series[i]] if series[i] is not None and series[i] < len(keys) else {}),
                **{name: values[i] for name, values in columns.items()},
                "id": ids[i] or request_id(batch.id_prefix, counters[i] or 0),
                "time_ns": int(requests.end_ns[at]),
                "cost_usd": usd(cost) if cost >= 0 else None,
                "quality_score": None if isnan(quality) else quality,
            }
        )
    return rows
