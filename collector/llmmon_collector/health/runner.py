"""Runs the checks and keeps their last word; readers never wait for a check."""

from __future__ import annotations

import asyncio
import inspect
import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from llmmon.errors import ConfigError
from llmmon.protocol.snapshot import HealthView
from llmmon_collector.health.checks.registry import Probe, probe_for
from llmmon_collector.health.context import CheckContext
from llmmon_collector.health.debounce import DebounceState, begin, step
from llmmon_collector.health.model import CheckSpec, InternalCheck
from llmmon_collector.health.outcome import Outcome, Status, as_outcome, describe_error
from llmmon_collector.health.steadiness import Steadiness
from llmmon_collector.health.table import check_table
from llmmon_collector.health.views import LastRun, overall_status, view_of
from llmmon_collector.metrics import MetricTable
from llmmon_collector.threads import start_in_thread

MAX_CONCURRENT: Final = 8
_FIRST_WITHIN_S: Final = 2.0


@dataclass(slots=True, eq=False)
class _Entry:
    spec: CheckSpec | InternalCheck
    probe: Probe
    state: DebounceState
    last: LastRun | None = None
    running: asyncio.Future[Any] | None = None
    launched_ns: int = 0
    """When ``running`` began, on the monotonic clock."""
    hung: bool = False
    """Whether the last run had to be given up."""
    loop: asyncio.Task[None] | None = field(default=None, repr=False)


class HealthRunner:
    """Every check on a schedule of its own, with jitter; never one check twice at a time.

    Checks that hang wait for each other, not for those that answer: they have a lane of their own.
    """

    def __init__(
        self,
        specs: Iterable[CheckSpec],
        context: CheckContext,
        rng: random.Random,
        max_concurrent: int = MAX_CONCURRENT,
    ) -> None:
        self._context = context
        self._rng = rng
        self._lane = asyncio.Semaphore(max_concurrent)
        self._hung_lane = asyncio.Semaphore(max_concurrent)
        self._entries: dict[str, _Entry] = {}
        self._started = False
        self.replace(specs)

    def register(self, name: str, check: Probe, spec: InternalCheck | None = None) -> None:
        """Add a check by name: ``check()`` returns what :func:`as_outcome` reads, or awaits it.

        Coroutine functions run on the event loop, plain functions in a thread.

        Raises:
            ValueError: the name is taken.
        """
        if name in self._entries:
            raise ValueError(f"a health check is named {name!r} already")
        self._add(_internal(name, spec), check)

    def replace(self, specs: Iterable[CheckSpec]) -> None:
        """Take ``specs`` for the configured checks. Equal ones keep their state; registered stay.

        Raises:
            ConfigError: two have one name, or one has a registered check's; nothing is changed.
        """
        wanted = self._by_name(specs)
        for name, entry in list(self._entries.items()):
            if entry.spec.type != "internal" and wanted.get(name) != entry.spec:
                self._drop(name)
        for name, spec in wanted.items():
            if name not in self._entries:
                self._add(spec, probe_for(spec, self._context))

    def start(self) -> None:
        """Begin the schedules, on the running event loop."""
        self._started = True
        for entry in self._entries.values():
            self._schedule(entry)

    async def stop(self) -> None:
        """End the schedules and whatever runs on the event loop. Threads are left to end alone."""
        self._started = False
        loops = [entry.loop for entry in self._entries.values() if entry.loop is not None]
        for entry in self._entries.values():
            self._halt(entry)
        await asyncio.gather(*loops, return_exceptions=True)

    async def run_once(self) -> None:
        """Run every check now, side by side, and wait for all."""
        await asyncio.gather(*(self._run(entry) for entry in list(self._entries.values())))

    def views(self) -> tuple[HealthView, ...]:
        """The last word of every check, by name."""
        now_mono_ns = self._context.clock.mono_ns()
        return tuple(
            view_of(entry.spec, entry.state, entry.last, now_mono_ns)
            for _, entry in sorted(self._entries.items())
        )

    def overall(self) -> Status:
        """The worst of the critical checks; others can only degrade it."""
        return overall_status(self.views())

    def table(self) -> MetricTable:
        """Results as metrics for rules: the family ``checks``, a row a check."""
        return check_table(self.views())

    def measure(self, check: str, measurement: str) -> float | None:
        """What ``check`` measured last; its plain value for ``""``.

        None when there is no such check or measurement, and when the result is too old.
        """
        entry = self._entries.get(check)
        last = None if entry is None else entry.last
        if entry is None or last is None:
            return None
        if last.is_stale(entry.spec, self._context.clock.mono_ns()):
            return None
        if not measurement:
            return last.outcome.value
        found = (one.value for one in last.outcome.measurements if one.name == measurement)
        return next(found, None)

    def _by_name(self, specs: Iterable[CheckSpec]) -> dict[str, CheckSpec]:
        wanted: dict[str, CheckSpec] = {}
        for spec in specs:
            taken = self._entries.get(spec.name)
            if spec.name in wanted or (taken is not None and taken.spec.type == "internal"):
                raise ConfigError("the name is taken: choose another", key=f"check[{spec.name}]")
            wanted[spec.name] = spec
        return wanted

    def _add(self, spec: CheckSpec | InternalCheck, probe: Probe) -> None:
        clock = self._context.clock
        entry = _Entry(spec, probe, begin(spec, clock.wall_ns(), clock.mono_ns()))
        self._entries[spec.name] = entry
        if self._started:
            self._schedule(entry)

    def _drop(self, name: str) -> None:
        self._halt(self._entries.pop(name))

    def _halt(self, entry: _Entry) -> None:
        for task in (entry.loop, entry.running):
            if isinstance(task, asyncio.Task):
                task.cancel()
        entry.loop = None

    def _schedule(self, entry: _Entry) -> None:
        if entry.loop is None:
            name = f"health {entry.spec.name}"
            entry.loop = asyncio.get_running_loop().create_task(self._repeat(entry), name=name)

    async def _repeat(self, entry: _Entry) -> None:
        interval_s, jitter = entry.spec.interval_s, entry.spec.jitter
        await asyncio.sleep(self._rng.uniform(0, min(interval_s, _FIRST_WITHIN_S)))
        while True:
            await self._run(entry)
            await asyncio.sleep(interval_s * self._rng.uniform(1 - jitter, 1 + jitter))

    async def _run(self, entry: _Entry) -> None:
        async with self._hung_lane if entry.hung else self._lane:
            outcome = await self._outcome(entry)
        clock, spec, last = self._context.clock, entry.spec, entry.last
        finished_ns, checked_ns = clock.mono_ns(), clock.wall_ns()
        took_ms = (finished_ns - entry.launched_ns) / 1e6
        before = Steadiness() if last is None else last.steadiness
        steadiness = before.after(outcome.status, took_ms, spec.timeout_s)
        entry.last = LastRun(outcome, checked_ns, finished_ns, took_ms, steadiness)
        entry.state = step(entry.state, outcome.status, spec, checked_ns, finished_ns)

    async def _outcome(self, entry: _Entry) -> Outcome:
        if entry.running is not None and not entry.running.done():
            return Outcome("failing", message="the run before has still not ended")
        entry.launched_ns = self._context.clock.mono_ns()
        try:
            running = entry.running = _launch(entry)
        except RuntimeError as error:  # the machine has no more threads to give
            return Outcome("failing", message=describe_error(error))
        running.add_done_callback(_retrieve)
        done, _ = await asyncio.wait({running}, timeout=entry.spec.timeout_s)
        entry.hung = not done
        return _result(running) if done else _give_up(entry.spec, running)


def _result(running: asyncio.Future[Any]) -> Outcome:
    try:
        return as_outcome(running.result())
    except asyncio.CancelledError:
        return Outcome("unknown", message="the check was cancelled")
    except Exception as error:
        return Outcome("failing", message=describe_error(error))


def _give_up(spec: CheckSpec | InternalCheck, running: asyncio.Future[Any]) -> Outcome:
    if isinstance(running, asyncio.Task):
        running.cancel()
    return Outcome("failing", message=f"no answer within {spec.timeout_s:g} s")


def _internal(name: str, spec: InternalCheck | None) -> InternalCheck:
    base = InternalCheck(name=name) if spec is None else spec
    return base.model_copy(update={"name": name})


def _launch(entry: _Entry) -> asyncio.Future[Any]:
    name = f"health {entry.spec.name}"
    if inspect.iscoroutinefunction(entry.probe):
        return asyncio.get_running_loop().create_task(entry.probe(), name=name)
    return start_in_thread(entry.probe, name)


def _retrieve(running: asyncio.Future[Any]) -> None:
    """Read the exception of a run that nobody waits for any more."""
    if not running.cancelled():
        running.exception()
