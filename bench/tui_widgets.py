"""CPU and terminal bytes of one update: our Chart and LiveTable against Textual's own widgets.

Each side shows four charts over 300 s and a table of 200 rows, of which 20 change, on a real
pseudo-terminal of 120 x 40. A long run minus a short one gives the cost of the updates alone.
Textual's Sparkline draws one series where our Chart draws three, with axes and limits.
"""

import fcntl
import json
import os
import pty
import struct
import subprocess
import sys
import termios
import time
from contextlib import suppress
from math import sin

from textual.app import App
from textual.containers import Grid
from textual.widgets import DataTable, Sparkline

from bench.result import show
from llmmon_tui.formatting import axis_duration, duration
from llmmon_tui.widgets.chart import Chart, ChartLook, ChartSeries, Threshold
from llmmon_tui.widgets.livetable import Column, LiveTable, Row

WIDTH, HEIGHT = 120, 40
SHORT, LONG = 10, 50
TICK_S = 0.1
STEP_S = 0.5
ROWS, CHANGED, FIELDS = 200, 20, 8
BASE_S = 100_000.0
CHARTS = range(4)
LEVELS_MS = (900, 2800, 5200)


def points(level, now_s):
    seconds = range(int(now_s) - 300, int(now_s))
    return [(float(t), level * (1 + 0.2 * sin(t / 20 + level))) for t in seconds]


def cells(row, turn):
    """Field 0 names the row; fields 1 to 4 change when it is the row's turn."""
    version = turn - (turn - row) % (ROWS // CHANGED)
    changing = (f"{(row * 7 + field * 3 + version) % 97:.1f}" for field in range(1, 5))
    return (f"model-{row:03d}", *changing, *(f"{row * field}" for field in range(5, FIELDS)))


class Bench(App):
    CSS = "Grid {grid-size: 2 2; height: 20} DataTable {height: 1fr} Sparkline {height: 10}"

    def __init__(self, updates):
        super().__init__()
        self.updates, self.turn, self.cpu_s = updates, 0, 0.0

    def on_ready(self):
        self.update(0)
        self.cpu_s = time.process_time()
        self.set_interval(TICK_S, self.tick)

    def tick(self):
        if self.turn == self.updates:
            self.exit(time.process_time() - self.cpu_s)
        self.turn += 1
        with self.batch_update():
            self.update(self.turn)


class Own(Bench):
    def compose(self):
        look = ChartLook(format_value=duration, format_tick=axis_duration)
        with Grid():
            yield from (Chart(look) for _ in CHARTS)
        yield LiveTable([Column(f"c{field}", f"c{field}", 12) for field in range(FIELDS)])

    def update(self, turn):
        now_s = BASE_S + turn * STEP_S
        series = [
            ChartSeries(f"p{level}", points(level, now_s), f"series-{index + 1}")
            for index, level in enumerate(LEVELS_MS)
        ]
        for chart in self.query(Chart):
            chart.set_data(series, [Threshold(5000, "warn 5s")], 300.0, now_s)
        rows = [Row(f"r{row}", cells(row, turn)) for row in range(ROWS)]
        self.query_one(LiveTable).set_rows(rows)


class Stock(Bench):
    def compose(self):
        with Grid():
            yield from (Sparkline([]) for _ in CHARTS)
        yield DataTable()

    def update(self, turn):
        table = self.query_one(DataTable)
        if not table.columns:
            table.add_columns(*((f"c{field}", f"c{field}") for field in range(FIELDS)))
            for row in range(ROWS):
                table.add_row(*cells(row, 0), key=f"r{row}")
        for row in range(turn % (ROWS // CHANGED), ROWS, ROWS // CHANGED):
            for field, text in enumerate(cells(row, turn)[:5]):
                table.update_cell(f"r{row}", f"c{field}", text)
        for sparkline in self.query(Sparkline):
            sparkline.data = [value for _, value in points(5200, BASE_S + turn * STEP_S)]


def run(side, updates):
    """CPU s of the updates and all bytes written, from a child on a terminal of its own."""
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", HEIGHT, WIDTH, 0, 0))
    env = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor"}
    env.pop("NO_COLOR", None)
    result_out, result_in = os.pipe()
    streams = dict.fromkeys(("stdin", "stdout", "stderr"), follower)
    command = [sys.executable, "-m", "bench.tui_widgets", side, str(updates), str(result_in)]
    child = subprocess.Popen(command, env=env, pass_fds=[result_in], **streams)
    os.close(follower)
    os.close(result_in)
    written = 0
    with suppress(OSError):  # Linux says EIO once the child has closed the terminal
        while chunk := os.read(leader, 1 << 16):
            written += len(chunk)
    child.wait()
    return json.loads(os.read(result_out, 64)), written


def per_update(side):
    short, long = run(side, SHORT), run(side, LONG)
    pairs = zip(long, short, strict=True)
    cpu_s, written = ((more - less) / (LONG - SHORT) for more, less in pairs)
    return {"cpu": cpu_s * 1000, "bytes": written}


def main():
    if len(sys.argv) == 4:
        side, updates, result = sys.argv[1:]
        app = {"own": Own, "stock": Stock}[side](int(updates))
        os.write(int(result), json.dumps(app.run()).encode())
        return
    own, stock = per_update("own"), per_update("stock")
    for name, unit in (("cpu", "ms of CPU"), ("bytes", "bytes")):
        show(
            f"tui, 4 charts and a table of 200 rows, an update at {WIDTH}x{HEIGHT}",
            f"{own[name]:.1f} {unit}",
            ratio=f"{own[name] / stock[name]:.2f}",
            peer=f"DataTable and Sparkline: {stock[name]:.1f} {unit}",
        )


if __name__ == "__main__":
    main()
