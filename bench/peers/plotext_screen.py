"""The overview as one would build it from stock parts: textual-plotext, DataTable, Static.

The same snapshots and requests come the same way; what is drawn is six numbers with their past,
four charts of three lines and a limit, a table of models and one of requests. Numbers and tables
are drawn on news, the charts, whose time moves on, twice a second.
"""

from __future__ import annotations

import importlib
import sys
from collections import deque
from collections.abc import Mapping, Sequence
from math import sin
from time import monotonic
from typing import Any, Final

import zmq
import zmq.asyncio
from textual.app import App, ComposeResult
from textual.containers import Grid, Horizontal, Vertical
from textual.widgets import DataTable, Sparkline, Static

from llmmon.protocol.codec import unpack
from llmmon.protocol.endpoint import parse_address
from llmmon.protocol.snapshot import TAIL_TOPIC, TOPIC, Snapshot, decode_snapshot

POINTS: Final = 300
DRAW_S: Final = 0.5
TILES: Final = (
    "requests",
    "error_rate",
    "latency_p95",
    "ttft_p95",
    "hourly_cost",
    "quality_score_mean",
)
COLUMNS: Final = (
    *("requests", "error_rate", "latency_p50", "latency_p95", "latency_p99"),
    *("ttft_p95", "hourly_cost", "quality_score_mean"),
)
FIELDS: Final = ("id", "model", "operation", "latency_ms", "ttft_ms", "status_code", "cost_usd")
CHARTS: Final = (
    ("latency_p50", "latency_p95", "latency_p99"),
    ("ttft_p50", "ttft_p95", "max_gap_p95"),
    ("hourly_cost", "input_tokens", "output_tokens"),
    ("error_rate", "quality_score_mean", "request_rate"),
)
PlotextPlot: Final[Any] = importlib.import_module("textual_plotext").PlotextPlot
_MAX_ITEMS: Final = 100_000


class PlotextScreen(App[None]):
    """Follows ``address``."""

    CSS = """
    #tiles {height: 3} #tiles Vertical {width: 1fr} Sparkline {height: 1}
    Grid {grid-size: 4 1; height: 14} #tables {height: 1fr} DataTable {width: 1fr}
    """

    def __init__(self, address: str) -> None:
        super().__init__()
        self._address = parse_address(address)
        self._past: dict[str, deque[float]] = {}
        self._shown_s = 0.0
        self._by_model: DataTable[str] = DataTable(id="models")
        self._requests: DataTable[str] = DataTable(id="requests")

    def compose(self) -> ComposeResult:
        yield Static("LIVE", id="status")
        with Horizontal(id="tiles"):
            for name in TILES:
                with Vertical():
                    yield Static(name, id=f"now-{name}")
                    yield Sparkline([], id=f"past-{name}")
        with Grid():
            yield from (PlotextPlot() for _ in CHARTS)
        with Horizontal(id="tables"):
            yield self._by_model
            yield self._requests

    def on_mount(self) -> None:
        self._by_model.add_columns(*((name, name) for name in ("model", *COLUMNS)))
        self._requests.add_columns(*FIELDS)
        self.run_worker(self._follow())
        self.set_interval(DRAW_S, self._draw)

    async def _follow(self) -> None:
        with zmq.asyncio.Context() as context, context.socket(zmq.SUB) as socket:
            socket.subscribe(f"{TOPIC}model")
            socket.subscribe(TAIL_TOPIC)
            socket.connect(self._address.snapshots)
            while True:
                topic, payload = await socket.recv_multipart()
                with self.batch_update():
                    if topic.startswith(TOPIC.encode()):
                        self._show(decode_snapshot(payload))
                    else:
                        self._list(unpack(payload, _MAX_ITEMS)["rows"])

    def _show(self, snapshot: Snapshot) -> None:
        window = snapshot.windows[1]
        self.query_one("#status", Static).update(f"LIVE {snapshot.name} {snapshot.at_ns}")
        for name in {*TILES, *(name for names in CHARTS for name in names)}:
            value = float(window.total.get(name) or 0.0)
            if name not in self._past:
                waves = (value * (1 + 0.2 * sin(second / 9)) for second in range(POINTS))
                self._past[name] = deque(waves, POINTS)
            self._past[name].append(value)
        for name in TILES:
            self.query_one(f"#now-{name}", Static).update(f"{name} {_text(window.total.get(name))}")
            self.query_one(f"#past-{name}", Sparkline).data = list(self._past[name])
        for group in window.groups:
            model = group.labels["model"]
            if model not in self._by_model.rows:
                self._by_model.add_row(model, *("" for _ in COLUMNS), key=model)
            for name in COLUMNS:
                self._by_model.update_cell(model, name, _text(group.metrics.get(name)))
        self._shown_s = monotonic()

    def _draw(self) -> None:
        if not self._past:
            return
        age_s = monotonic() - self._shown_s
        seconds = [second - POINTS - age_s for second in range(POINTS)]
        with self.batch_update():
            for names, plot in zip(CHARTS, self.query(PlotextPlot), strict=True):
                plot.plt.clear_data()
                for name in names:
                    plot.plt.plot(seconds, list(self._past[name]), label=name, marker="braille")
                plot.plt.hline(max(self._past[names[-1]]))
                plot.plt.xlim(-POINTS, 0)
                plot.refresh()

    def _list(self, rows: Sequence[Mapping[str, Any]]) -> None:
        self._requests.clear()
        for row in rows:
            self._requests.add_row(*(_text(row.get(name)) for name in FIELDS))


def _text(value: object) -> str:
    return f"{value:,.2f}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    PlotextScreen(sys.argv[-1]).run()
