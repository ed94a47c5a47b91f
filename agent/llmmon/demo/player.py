"""Plays a workload through the agent in real time, on a thread of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Final, Protocol, Self

from llmmon.demo.workload import Moment, PlannedRequest
from llmmon.errors import UnreachableError

HISTORY_S: Final = 300.0
"""How much of the workload counts as already past when the play begins."""
_LIVE_S: Final = 1.0
"""What is not later than this happens now: steps can be taken and timed for real."""


class Service(Protocol):
    """The service whose traffic is played."""

    def begin(self, number: int, request: PlannedRequest) -> None:
        """Request ``number`` begins, now."""

    def end(self, number: int, request: PlannedRequest, start_ns: int) -> None:
        """Request ``number``, which began at that wall clock (ns), has ended."""


class Player:
    """Calls the service when requests begin and end. Leaving the context stops the play.

    The workload began ``history_s`` ago: what had ended by now is told at once, with the times at
    which it happened.
    """

    def __init__(
        self,
        moments: Iterable[Moment],
        service: Service,
        throttle: Callable[[], None],
        history_s: float = HISTORY_S,
    ) -> None:
        """``throttle`` is called after each request."""
        self._moments = moments
        self._service = service
        self._throttle = throttle
        self._history_s = history_s
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="llmmon-demo")
        self.failure: UnreachableError | None = None
        """Why the play ended before it was told to."""

    def _run(self) -> None:
        try:
            self._play(time.time_ns() - int(self._history_s * 1e9))
        except UnreachableError as error:
            self.failure = error

    def _play(self, origin_ns: int) -> None:
        origin_s = time.monotonic() - self._history_s
        for moment in self._moments:
            early_s = origin_s + moment.t_s - time.monotonic()
            if self._stopping.wait(max(0.0, early_s)):
                return
            if moment.ended:
                start_ns = origin_ns + int(moment.request.start_s * 1e9)
                self._service.end(moment.number, moment.request, start_ns)
                self._throttle()
            elif early_s > -_LIVE_S:
                self._service.begin(moment.number, moment.request)

    def stop(self) -> None:
        """End the play; harmless twice."""
        self._stopping.set()
        self._thread.join()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
