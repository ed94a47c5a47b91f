"""The whole terminal UI on a pseudo-terminal: CPU, bytes to the terminal, time to the first frame.

A fake collector publishes a snapshot a second, every number of it another, and forty requests. The
start is timed until the first drawn row, and until the first numbers.
"""

from __future__ import annotations

import fcntl
import json
import math
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from support.snapshots import AT_NS, busy_snapshot, metrics
from support.viewer_data import answer_all, request_row
from support.viewer_peer import ViewerPeer

from llmmon.protocol.snapshot import Group, Snapshot

SIZES: Final = ((120, 40), (200, 60), (80, 24), (40, 24))
WARM_S: Final = 4.0
MEASURED_S: Final = 20.0
GROUPS: Final = 24
ROWS: Final = 40
FIGURES: Final = {(120, 40): "3 %, 10 kB/s, 0.6 s"}
_TICKS: Final = os.sysconf("SC_CLK_TCK")


def snapshot(seq: int) -> Snapshot:
    """The snapshot of second ``seq``: totals and groups wander."""
    base = busy_snapshot(seq=seq, at_ns=AT_NS + seq * 10**9)
    windows = tuple(
        replace(window, total=wander(seq, 0), groups=tuple(group(seq, n) for n in range(GROUPS)))
        for window in base.windows
    )
    return replace(base, windows=windows)


def group(seq: int, number: int) -> Group:
    """One of the models."""
    labels = {"provider": f"provider-{number % 5}", "model": f"model-{number:02d}"}
    return Group(labels, wander(seq, number))


def wander(seq: int, number: int) -> dict[str, float | int | None]:
    """Metrics that are others each second."""
    wave = 1 + 0.2 * math.sin(seq / 7 + number)
    plain = metrics()
    return {name: value and type(value)(value * wave) for name, value in plain.items()}


class Terminal:
    """The program under test as a child on a terminal of its own."""

    def __init__(self, address: str, size: tuple[int, int]) -> None:
        self.master, slave = pty.openpty()
        width, height = size
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
        env = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor"}
        env.pop("NO_COLOR", None)
        command = [sys.executable, "-m", "llmmon_tui", "--connect", address]
        streams = dict.fromkeys(("stdin", "stdout", "stderr"), slave)
        self.started_s = time.perf_counter()
        self.child = subprocess.Popen(command, env=env, start_new_session=True, **streams)
        os.close(slave)
        self.written = 0
        self.seen = b""

    def read(self, seconds: float) -> None:
        """Read what the program writes for so long."""
        until_s = time.perf_counter() + seconds
        while (left_s := until_s - time.perf_counter()) > 0:
            if select.select([self.master], [], [], left_s)[0]:
                self._take()

    def wait_for(self, *texts: bytes) -> float:
        """Seconds from the start until one of ``texts`` has been written."""
        while not any(text in self.seen for text in texts):
            self._take()
        return time.perf_counter() - self.started_s

    def cpu_s(self) -> float:
        """CPU that the program has used."""
        stat = Path(f"/proc/{self.child.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(stat[11]) + int(stat[12])) / _TICKS

    def close(self) -> None:
        """End the program."""
        self.child.send_signal(signal.SIGTERM)
        with suppress(OSError):  # Linux says EIO once the child has closed the terminal
            while os.read(self.master, 1 << 16):
                pass
        self.child.wait()
        os.close(self.master)

    def _take(self) -> None:
        chunk = os.read(self.master, 1 << 16)
        self.written += len(chunk)
        self.seen = (self.seen + chunk)[-200_000:]


def measure(size: tuple[int, int]) -> dict[str, str]:
    """One row of the table of results."""
    with tempfile.TemporaryDirectory() as directory, ViewerPeer(f"ipc://{directory}") as peer:
        answer_all(peer)
        peer.serve(snapshot(1))
        terminal = Terminal(f"ipc://{directory}", size)
        first_frame_s = terminal.wait_for(b"CONNECTING", b"LIVE")
        first_picture_s = terminal.wait_for(b"LIVE")
        seq = run(peer, terminal, 2, WARM_S)
        cpu_s, written = terminal.cpu_s(), terminal.written
        run(peer, terminal, seq, MEASURED_S)
        cpu = (terminal.cpu_s() - cpu_s) / MEASURED_S
        rate = (terminal.written - written) / MEASURED_S
        terminal.close()
    measured = (
        f"{cpu:.1%} of a core, {rate / 1000:.1f} kB/s, "
        f"first frame {first_frame_s:.2f} s, first numbers {first_picture_s:.2f} s"
    )
    name = f"tui, whole app at 2 Hz, {size[0]}x{size[1]}"
    return {"name": name, "measured": measured, "figure": FIGURES.get(size, "")}


def run(peer: ViewerPeer, terminal: Terminal, seq: int, seconds: float) -> int:
    """Publish a snapshot a second for so long; the next sequence number."""
    for _ in range(round(seconds)):
        peer.publish(snapshot(seq))
        peer.publish_rows([request_row(n, id=f"{seq}-{n}") for n in range(ROWS)])
        terminal.read(1.0)
        seq += 1
    return seq


def main() -> None:
    """Measure every size."""
    for size in SIZES:
        print(json.dumps(measure(size)), flush=True)


if __name__ == "__main__":
    main()
