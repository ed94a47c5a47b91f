"""The whole terminal UI on a pseudo-terminal, and the same screen on textual-plotext and DataTable.

A fake collector publishes a snapshot a second, every number of it another, and forty requests. CPU
and bytes to the terminal are means over ``MEASURED_S``; a key's frame is the one that shows what
the key does, a snapshot's the one that shows its note.
"""

from __future__ import annotations

import importlib.util
import math
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final, NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from support.snapshots import AT_NS, busy_snapshot, metrics
from support.viewer_data import answer_all, request_row
from support.viewer_peer import ViewerPeer

from bench.peers import libraries
from bench.result import show, show_missing
from bench.terminal import Terminal
from llmmon.protocol.snapshot import Group, Snapshot

FIRST_SIZE: Final = (120, 40)
OTHER_SIZES: Final = ((200, 60), (80, 24), (40, 24))
OWN: Final = ("llmmon_tui",)
PEER: Final = ("bench.peers.libraries", "bench.peers.plotext_screen")
SHARE: Final = 8
WARM_S: Final = 4
MEASURED_S: Final = 12
STARTS: Final = 3
PRESSES: Final = 20
SNAPSHOTS: Final = 12
GROUPS: Final = 24
SERIES: Final = (10, 1000)
ROWS: Final = 40

_LETTERS: Final = tuple(
    str.maketrans("0123456789", letters) for letters in ("abcdefghij", "ABCDEFGHIJ")
)


class Screen(NamedTuple):
    """What a second of a program on a terminal takes."""

    cpu: float
    """Share of a core."""
    written: float
    """Bytes a second."""


def snapshot(seq: int, groups: int = GROUPS, age_ns: int = 0, note: str = "") -> Snapshot:
    """Snapshot number ``seq``, ``age_ns`` after the first: totals and groups wander."""
    base = busy_snapshot(seq=seq, at_ns=AT_NS + age_ns)
    windows = tuple(
        replace(window, total=wander(seq, 0), groups=tuple(group(seq, n) for n in range(groups)))
        for window in base.windows
    )
    return replace(base, windows=windows, note=note)


def group(seq: int, number: int) -> Group:
    """One of the models."""
    labels = {"provider": f"provider-{number % 5}", "model": f"model-{number:02d}"}
    return Group(labels, wander(seq, number))


def wander(seq: int, number: int) -> dict[str, float | int | None]:
    """Metrics that are others each second."""
    wave = 1 + 0.2 * math.sin(seq / 7 + number)
    plain = metrics()
    return {name: value and type(value)(value * wave) for name, value in plain.items()}


class Stage:
    """A fake collector and a program that shows it."""

    def __init__(self, peer: ViewerPeer, terminal: Terminal, groups: int) -> None:
        self._peer = peer
        self._groups = groups
        self.terminal = terminal
        self._seq = 1
        self._began_ns = time.monotonic_ns()

    def publish(self, note: str = "") -> None:
        """The next second's snapshot and requests."""
        self._seq += 1
        age_ns = time.monotonic_ns() - self._began_ns
        self._peer.publish(snapshot(self._seq, self._groups, age_ns, note))
        rows = [request_row(n, id=f"{self._seq}-{n}") for n in range(ROWS)]
        self._peer.publish_rows(rows)

    def run(self, seconds: int) -> None:
        """So many seconds pass."""
        for _ in range(seconds):
            self.publish()
            self.terminal.read(1.0)

    def press(self) -> float:
        """Seconds from a key to its frame, in the midst of a second."""
        self.publish()
        self.terminal.read(0.7)
        taken_s = self.terminal.press(b" ", b"PAUSED")
        self.terminal.read(0.3)
        self.terminal.press(b" ", b"LIVE")
        return taken_s

    def show_snapshot(self, every_s: float) -> float:
        """Seconds from a snapshot to its frame, where one comes about ``every_s``."""
        note = note_of(self._seq)
        self.terminal.forget()
        began_s = time.perf_counter()
        self.publish(note)
        self.terminal.wait_for(note.encode())
        taken_s = time.perf_counter() - began_s
        self.terminal.read(max(0.0, every_s * random.uniform(0.8, 1.2) - taken_s))
        return taken_s


def note_of(seq: int) -> str:
    """A note of which each letter is another than in the one before, so that all are written."""
    return f"{seq:06d}".translate(_LETTERS[seq % 2])


@contextmanager
def stage(modules: Sequence[str], size: tuple[int, int], groups: int = GROUPS) -> Iterator[Stage]:
    """The program of ``modules`` with a collector to look at."""
    with tempfile.TemporaryDirectory() as directory, ViewerPeer(f"ipc://{directory}") as peer:
        answer_all(peer)
        peer.serve(snapshot(1, groups))
        terminal = Terminal([*modules, "--connect", f"ipc://{directory}"], size)
        yield Stage(peer, terminal, groups)
        terminal.close()


def measure(at: Stage) -> Screen:
    """Settle, and watch for ``MEASURED_S``."""
    terminal = at.terminal
    terminal.wait_for(b"LIVE")
    at.run(WARM_S)
    cpu_s, written = terminal.cpu_s(), terminal.written
    at.run(MEASURED_S)
    cpu = (terminal.cpu_s() - cpu_s) / MEASURED_S
    return Screen(cpu, (terminal.written - written) / MEASURED_S)


def first_frame_s() -> float:
    """From the start to the first drawn row: the median of some starts, after one to compile."""
    starts_s = []
    for _ in range(1 + STARTS):
        with stage(OWN, FIRST_SIZE) as at:
            starts_s.append(at.terminal.wait_for(b"CONNECTING", b"LIVE"))
    return statistics.median(starts_s[1:])


def worst(durations_s: Sequence[float]) -> float:
    """Their 95th percentile, in ms."""
    return sorted(durations_s)[len(durations_s) * 95 // 100] * 1e3


def frames_of_snapshots(every_s: float, rate_hz: float) -> list[float]:
    """Seconds from a snapshot, one ``every_s``, to the frame that shows it, some times."""
    with stage((*OWN, "--rate", f"{rate_hz:g}"), FIRST_SIZE) as at:
        at.terminal.wait_for(b"LIVE")
        at.run(WARM_S)
        return [at.show_snapshot(every_s) for _ in range(SNAPSHOTS)]


def tell(size: tuple[int, int], screen: Screen) -> None:
    """Print what the whole app takes at a size that has no figures."""
    show(
        f"TUI at 2 Hz, {size[0]}x{size[1]}",
        f"{screen.cpu:.1%} of a core, {screen.written / 1e3:.1f} kB/s",
    )


def tell_first(screen: Screen, first_s: float, key_ms: float) -> None:
    """Print what has figures, a row each."""
    for name, measured, figure, value, at_most in (
        ("CPU", f"{screen.cpu:.1%} of a core", "3 % of a core", screen.cpu, 0.03),
        ("terminal", f"{screen.written / 1e3:.1f} kB/s", "10 kB/s", screen.written, 10_000),
        ("first frame", f"{first_s:.2f} s", "0.6 s", first_s, 0.6),
        ("key to frame", f"{key_ms:.0f} ms at p95", "50 ms", key_ms, 50.0),
    ):
        at = f"TUI, whole app at 2 Hz, {FIRST_SIZE[0]}x{FIRST_SIZE[1]}: {name}"
        show(at, measured, figure, value=value, at_most=at_most)


def tell_series(series: int) -> None:
    """Print what so many series take, a row for all."""
    with stage(OWN, FIRST_SIZE, series) as at:
        first_s = at.terminal.wait_for(b"CONNECTING", b"LIVE")
        screen = measure(at)
        key_ms = worst([at.press() for _ in range(PRESSES)])
    show(
        f"TUI at 2 Hz, {FIRST_SIZE[0]}x{FIRST_SIZE[1]}, {series:,} series",
        f"{screen.cpu:.1%} of a core, {screen.written / 1e3:.1f} kB/s, "
        f"first frame in {first_s:.2f} s, key to frame {key_ms:.0f} ms at p95",
    )


def compare(own: Screen) -> None:
    """Print our share of the CPU of the same screen on other widgets."""
    row = "TUI, the same screen on textual-plotext and DataTable"
    if importlib.util.find_spec("textual_plotext") is None:
        show_missing(row, f"at most 1/{SHARE}", libraries.COMMAND, "textual-plotext, DataTable")
        return
    with stage(PEER, FIRST_SIZE) as at:
        peer = measure(at)
    for name, mine, theirs, told in (
        ("CPU", own.cpu, peer.cpu, f"{peer.cpu:.1%} of a core"),
        ("terminal", own.written, peer.written, f"{peer.written / 1e3:.1f} kB/s"),
    ):
        figure = f"at most 1/{SHARE}" if name == "CPU" else ""
        show(
            f"{row}: {name}",
            f"1/{theirs / mine:.1f}",
            figure,
            f"1/{theirs / mine:.1f}",
            f"textual-plotext, DataTable: {told}",
            value=mine / theirs,
            at_most=1 / SHARE if figure else None,
        )


def main() -> None:
    """Measure every size and the peer."""
    libraries.activate()
    first_s = first_frame_s()
    with stage(OWN, FIRST_SIZE) as at:
        own = measure(at)
        tell_first(own, first_s, worst([at.press() for _ in range(PRESSES)]))
    compare(own)
    for size in OTHER_SIZES:
        with stage(OWN, size) as at:
            tell(size, measure(at))
    for series in SERIES:
        tell_series(series)


if __name__ == "__main__":
    main()
