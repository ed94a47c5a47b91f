"""Rows for whoever follows requests, errors and logs live: as many a tick as a person can read."""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan
from typing import Any, Final

import numpy as np

from llmmon.protocol.codec import pack
from llmmon.protocol.event import SERIES_FIELDS, Kind, request_id
from llmmon.protocol.money import usd
from llmmon.protocol.snapshot import TAIL_TOPIC
from llmmon.protocol.wire import Batch, decode_series
from llmmon_collector.requests import MISSING, Requests

MOST_ROWS: Final = 200
"""Rows a topic and tick; the others are counted."""

REQUESTS, ERRORS, LOGS, ALERTS = (
    TAIL_TOPIC + name for name in ("requests", "errors", "logs", "alerts")
)
TAILS: Final = (REQUESTS, ERRORS, LOGS, ALERTS)
_AS_SENT: Final = ("trace_id", "user_id", "error", "status_code")
_MEASURED: Final = ("latency_ms", "ttft_ms", "input_tokens", "output_tokens")


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
                if REQUESTS in wanted:
                    self._add_requests(REQUESTS, batch, requests, offset, range(table.events))
                if ERRORS in wanted:
                    failed = np.flatnonzero(requests.error[offset : offset + table.events])
                    self._add_requests(ERRORS, batch, requests, offset, failed.tolist())
                offset += table.events
            if LOGS in wanted and Kind.LOG in batch.tables:
                logs = batch.tables[Kind.LOG]
                self._extend(LOGS, logs.rows(), logs.events)

    def add_alerts(self, rows: Sequence[dict[str, Any]]) -> None:
        """Take alert transitions."""
        self._extend(ALERTS, rows, len(rows))

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
        self, topic: str, batch: Batch, requests: Requests, offset: int, picked: Sequence[int]
    ) -> None:
        fitting = picked[: self._room(topic)]
        rows = _request_rows(batch, requests, offset, fitting) if fitting else []
        self._extend(topic, rows, len(picked))

    def _room(self, topic: str) -> int:
        return MOST_ROWS - len(self._rows.get(topic, ()))

    def _extend(self, topic: str, rows: Sequence[dict[str, Any]], came: int) -> None:
        """Keep what there is room for of ``rows``, the first of ``came`` that came."""
        if not came:
            return
        room = self._room(topic)
        self._rows.setdefault(topic, []).extend(rows[:room])
        self._left_out[topic] = self._left_out.get(topic, 0) + max(0, came - room)


def _request_rows(
    batch: Batch, requests: Requests, offset: int, picked: Sequence[int]
) -> list[dict[str, Any]]:
    """The rows ``picked`` of the batch's requests, the first of which is ``requests[offset]``."""
    table = batch.tables[Kind.REQUEST]
    keys = [dict(zip(SERIES_FIELDS, decode_series(key), strict=True)) for key in batch.series]
    sent = {name: table.values(name) for name in _AS_SENT}
    ids, counters, series = (table.values(name) for name in ("id", "counter", "series"))
    rows = []
    for i in picked:
        at = offset + i
        cost_pico = int(requests.cost_pico[at])
        rows.append(
            {
                **(keys[series[i]] if series[i] is not None and series[i] < len(keys) else {}),
                **{name: values[i] for name, values in sent.items()},
                **{name: _known(getattr(requests, name)[at]) for name in _MEASURED},
                "id": _id(batch.id_prefix, ids[i], counters[i]),
                "time_ns": int(requests.end_ns[at]),
                "cost_usd": None if cost_pico == MISSING else usd(cost_pico),
                "quality_score": _known(requests.quality[at]),
            }
        )
    return rows


def _id(prefix: str, given: str | None, counter: int | None) -> str | None:
    if given is not None or counter is None:
        return given
    return request_id(prefix, counter)


def _known(value: np.generic) -> float | int | None:
    plain: float | int = value.item()
    return None if isnan(plain) or plain == MISSING else plain
