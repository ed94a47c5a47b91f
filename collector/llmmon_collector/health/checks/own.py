"""The collector's check of itself: what whoever is on call would look at first, in one check.

One, so that one thing wrong with it is one alert and one line in the list of checks.
"""

from __future__ import annotations

import asyncio
import os
import resource
import statistics
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import psutil

from llmmon.protocol.snapshot import Measurement
from llmmon_collector.clock import Clock
from llmmon_collector.health.model import OWN_NAME, InternalCheck
from llmmon_collector.health.outcome import STATUSES, Outcome, Status, judge
from llmmon_collector.outbound.trouble import os_reason
from llmmon_collector.threads import start_in_thread

OWN_SPEC: Final = InternalCheck(name=OWN_NAME, interval=10.0, timeout=5.0)
_SYNC_FAIL_MS: Final = 2000.0
_BLOCK: Final = b"\0" * 4096


class _Figure(NamedTuple):
    unit: str
    warn: float | None
    fail: float | None
    told: str
    """What to say when it is above one of them."""


_FIGURES: Final[Mapping[str, _Figure]] = {
    "store_lag_s": _Figure("s", 60.0, 600.0, "the store is {:.0f} s behind"),
    "sync_ms": _Figure("ms", 250.0, _SYNC_FAIL_MS, "the journal's disk takes {:.0f} ms to write"),
    "rules_share": _Figure("ratio", 0.5, 1.0, "rules take {:.0%} of a tick"),
    "waiting": _Figure("deliveries", None, None, ""),
    "overdue_s": _Figure("s", 120.0, 900.0, "a delivery is {:.0f} s overdue"),
    "clock_off_s": _Figure("s", 5.0, None, "agents' clocks are {:.0f} s off"),
    "files_percent": _Figure("%", 80.0, 95.0, "{:.0f}% of the open files that it may have"),
}


@dataclass(frozen=True, slots=True)
class OwnFigures:
    """What the check asks of the collector, each cheap and without side effects."""

    state_dir: str
    tick_s: float
    fold_lag_s: Callable[[], float | None]
    """Age of the oldest committed batch that the store lacks; None where it lacks nothing."""
    rules_took_s: Callable[[], float | None]
    """How long the last evaluation of all rules took; None before the first."""
    outbox: Callable[[], tuple[int, float | None]]
    """Deliveries that wait, and for how long the oldest has been overdue; None for not at all."""
    clocks_ahead_s: Callable[[], Sequence[float]]
    """Of each agent that is heard of: how far its clock is ahead of ours."""


class OwnCheck:
    """Runs on the event loop; only the disk is asked in a thread, one at a time."""

    def __init__(self, figures: OwnFigures, clock: Clock) -> None:
        self._figures = figures
        self._clock = clock
        self._write: asyncio.Future[tuple[float, str]] | None = None
        self._write_began_ns = 0

    async def run(self) -> Outcome:
        """The worst of the figures, with all of them as measurements."""
        sync_ms, refusal = await self._sync()
        values = {**self._values(), "sync_ms": sync_ms}
        known = {name: value for name, value in values.items() if value is not None}
        findings = list(_findings(known))
        if refusal:
            findings.append(("failing", f"the journal's disk takes no writes: {refusal}"))
        statuses: list[Status] = ["ok", *(status for status, _ in findings)]
        told = "; ".join(message for _, message in findings)
        measured = (Measurement(name, value, _FIGURES[name].unit) for name, value in known.items())
        worst = max(statuses, key=STATUSES.index)
        return Outcome(worst, message=told or "all is well", measurements=tuple(measured))

    def _values(self) -> dict[str, float | None]:
        figures = self._figures
        took_s, ahead_s = figures.rules_took_s(), figures.clocks_ahead_s()
        waiting, overdue_s = figures.outbox()
        return {
            "store_lag_s": figures.fold_lag_s() or 0.0,
            "rules_share": None if took_s is None else took_s / figures.tick_s,
            "waiting": float(waiting),
            "overdue_s": overdue_s or 0.0,
            "clock_off_s": abs(statistics.median(ahead_s)) if ahead_s else None,
            "files_percent": _files_percent(),
        }

    async def _sync(self) -> tuple[float | None, str]:
        """Milliseconds until a block is on the disk, or so far; and why it cannot be."""
        if self._write is None or self._write.done():
            self._write_began_ns = self._clock.mono_ns()
            self._write = start_in_thread(self._write_block, "health collector write")
        done, _ = await asyncio.wait({self._write}, timeout=_SYNC_FAIL_MS / 1000)
        if not done:
            return (self._clock.mono_ns() - self._write_began_ns) / 1e6, ""
        took_ms, refusal = self._write.result()
        return (None if refusal else took_ms), refusal

    def _write_block(self) -> tuple[float, str]:
        began_ns = self._clock.mono_ns()
        try:
            with tempfile.TemporaryFile(dir=self._figures.state_dir, prefix=".sync-") as file:
                file.write(_BLOCK)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            return 0.0, os_reason(error)
        return (self._clock.mono_ns() - began_ns) / 1e6, ""


def _findings(values: Mapping[str, float]) -> Iterator[tuple[Status, str]]:
    """What is above its limit, and the words for it."""
    for name, value in values.items():
        figure = _FIGURES[name]
        status = judge(value, figure.unit, (figure.warn, figure.fail), "").status
        if status != "ok":
            yield status, figure.told.format(value)


def _files_percent() -> float | None:
    """Of the file descriptors that this process may have; None where it may have any number."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return None if most == resource.RLIM_INFINITY else 100.0 * psutil.Process().num_fds() / most
