"""The methods for viewers that add several collectors up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Final

import numpy as np
from pydantic import Field

from llmmon.errors import ControlError
from llmmon.protocol.names import DIMENSIONS
from llmmon.protocol.snapshot import GROUPINGS, Snapshot
from llmmon_collector.control.alerts import Instant, Text
from llmmon_collector.control.server import Method
from llmmon_collector.live import LiveMetrics
from llmmon_collector.parts import Tick, build_history, build_parts

_MOST_KEPT: Final = 32
"""Answers of one tick that are kept for whoever asks the same."""


class PartsMethods:
    """``parts`` and ``history_parts``; ``refresh`` moves the live numbers on to now."""

    def __init__(
        self,
        live: LiveMetrics,
        snapshot: Callable[[str], Snapshot],
        refresh: Callable[[], int],
    ) -> None:
        self._live = live
        self._snapshot = snapshot
        self._refresh = refresh
        self._seq = -1
        self._built: dict[tuple[int, str], bytes] = {}

    def table(self) -> dict[str, Method]:
        """The methods by name."""
        return {"parts": self._parts, "history_parts": self._history_parts}

    async def _parts(self, *, window_s: int = 300, by: str = "model") -> bytes:
        if by not in GROUPINGS:
            raise ControlError("bad_request", f"by: {by!r} is not one of {', '.join(GROUPINGS)}")
        self._check_window(window_s)
        snapshot = self._snapshot(by)
        if snapshot.seq != self._seq or len(self._built) >= _MOST_KEPT:
            self._seq = snapshot.seq
            self._built.clear()
        if (window_s, by) not in self._built:
            tick = Tick(snapshot.seq, snapshot.at_ns, snapshot.started_ns)
            self._built[window_s, by] = build_parts(self._live, tick, window_s, by)
        return self._built[window_s, by]

    async def _history_parts(
        self,
        *,
        window_s: int = 300,
        points: Annotated[int, Field(ge=1, le=2000)] = 120,
        end_ns: Instant | None = None,
        where: Annotated[dict[Text, Text], Field(max_length=len(DIMENSIONS))] | None = None,
    ) -> bytes:
        self._check_window(window_s)
        now_ns = self._refresh()
        members = self._members(where) if where else None
        until_ns = now_ns if end_ns is None else end_ns
        return build_history(self._live, window_s, points, until_ns, members)

    def _members(self, where: dict[str, str]) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """A mask of the series that ``where`` picks."""
        for name in where:
            if name not in DIMENSIONS:
                raise ControlError(
                    "bad_request", f"where: {name!r} is not one of {', '.join(DIMENSIONS)}"
                )
        keys = self._live.series.keys
        return np.array([all(getattr(key, n) == v for n, v in where.items()) for key in keys])

    def _check_window(self, window_s: int) -> None:
        known = self._live.windows.windows_s
        if window_s not in known:
            kept = ", ".join(map(str, known))
            raise ControlError("bad_request", f"window_s: {window_s} is not one of {kept}")
