"""Follows several collectors and tells of them as of one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

from llmmon.errors import LlmmonError
from llmmon_tui.feed import Arrived, Lost, Mismatched, News, Timing
from llmmon_tui.fleet.collector import Collector, Target
from llmmon_tui.fleet.merge import Member, merge
from llmmon_tui.fleet.names import unique_names
from llmmon_tui.link import CollectorState

_GATHER_S: Final = 0.5
"""How long one collector's news waits for the others': they tick at different instants."""
_REST: Final = 4
"""Times what adding up took that is rested after it, so that it never takes over a fifth."""
_LONGEST_REST_S: Final = 1.5


class FleetFeed:
    """Tells `emit` what a `Feed` would of one collector. Runs on the event loop of its caller."""

    def __init__(
        self,
        targets: Sequence[Target],
        emit: Callable[[News], None],
        now_ns: Callable[[], int],
        timing: Timing | None = None,
    ) -> None:
        """`now_ns` is the wall clock, from which ages come."""
        timing = timing or Timing()
        self._emit = emit
        self._changed = asyncio.Event()
        self._seq = 0
        self.window_s = 300
        """The window whose groups are told."""
        self._retry_s = timing.longest_retry_s
        self.collectors = tuple(
            Collector(target, self._changed.set, emit, now_ns, timing) for target in targets
        )

    @property
    def names(self) -> list[str]:
        """What the collectors are called, in their order."""
        return unique_names([(one.told_name, one.address.text) for one in self.collectors])

    def states(self) -> tuple[CollectorState, ...]:
        """How the viewer stands with each of them at this instant."""
        return tuple(one.state(name) for one, name in zip(self.collectors, self.names, strict=True))

    async def follow(self, by: str, window_s: int | None = None) -> None:
        """Follow the snapshots grouped by `by`, with the groups of one window, until cancelled.

        Where no window is given it is the one of before.
        """
        self.window_s = self.window_s if window_s is None else window_s
        for one in self.collectors:
            one.forget_parts()
        async with asyncio.TaskGroup() as tasks:
            for one in self.collectors:
                tasks.create_task(one.follow(by, self.window_s))
            tasks.create_task(self._keep_telling())

    async def fetch_rows(self) -> None:
        """Ask each for the requests that ended before the tail was heard.

        Raises:
            LlmmonError: none of them answers.
        """
        tries = [one.connection.feed.fetch_rows() for one in self.collectors]
        failures = await asyncio.gather(*tries, return_exceptions=True)
        for failure in failures:
            if isinstance(failure, BaseException) and not isinstance(failure, LlmmonError):
                raise failure
        if all(failures):
            raise next(failure for failure in failures if failure is not None)

    async def _keep_telling(self) -> None:
        clock = asyncio.get_running_loop().time
        while True:
            await self._changed.wait()
            with suppress(TimeoutError):
                async with asyncio.timeout(_GATHER_S):
                    await self._gather()
            self._changed.clear()
            begun_s = clock()
            await self._tell()
            await asyncio.sleep(min(_REST * (clock() - begun_s), _LONGEST_REST_S))

    async def _gather(self) -> None:
        """Until all that are there have told something new."""
        while any(state.is_counted and not one.is_fresh for one, state in self._with_states()):
            self._changed.clear()
            await self._changed.wait()

    async def _tell(self) -> None:
        members = [
            Member(state, one.snapshot, one.parts, one.reason) for one, state in self._with_states()
        ]
        missed = sum(one.missed for one in self.collectors)
        for one in self.collectors:
            one.missed, one.is_fresh = 0, False
        snapshot = await asyncio.to_thread(merge, members, self._seq + 1)
        if snapshot is not None:
            self._seq += 1
            self._emit(Arrived(snapshot, missed))
        elif (failure := self._failure(members)) is not None:
            self._emit(failure)

    def _failure(self, members: Sequence[Member]) -> Lost | Mismatched | None:
        """What to say of a fleet of which nobody is counted; nothing while some may be soon."""
        failures = [one.failure for one in self.collectors if one.failure is not None]
        lost = [failure for failure in failures if isinstance(failure, Lost)]
        if len(failures) == len(self.collectors):
            if not lost:
                return min(failures, key=lambda failure: failure.retry_s)
            attempt = min(failure.attempt for failure in lost)
            return Lost(lost[0].reason, attempt, min(failure.retry_s for failure in lost))
        reasons = [f"{one.name}: {one.reason}" for one in members if one.reason]
        if len(reasons) == len(members):
            return Lost("; ".join(reasons), 1, self._retry_s)
        return None

    def _with_states(self) -> list[tuple[Collector, CollectorState]]:
        return list(zip(self.collectors, self.states(), strict=True))
