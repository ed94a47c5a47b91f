"""Pictures of the last tick: built once, published to whoever watches."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from llmmon.protocol.snapshot import (
    GROUPINGS,
    TOPIC,
    AlertView,
    BudgetView,
    ChannelView,
    HealthView,
    IngestView,
    Limit,
    SloView,
    Snapshot,
    encode_snapshot,
)
from llmmon_collector.clock import Clock
from llmmon_collector.intake.ledger import Ledger
from llmmon_collector.live import LiveMetrics, count_open
from llmmon_collector.publisher import Publisher
from llmmon_collector.snapshots import (
    Identity,
    IngestState,
    Parts,
    build_snapshot,
    ingest_view,
)
from llmmon_collector.tail import TAILS, Tail

RATE_OVER_TICKS: Final = 10
MOST_UNPRICED: Final = 20
"""Models without a price that are named; ``llmmon status --json`` tells how many there are."""


class Contributions(NamedTuple):
    """What other rooms add to a picture, read when it is built."""

    alerts: Callable[[], tuple[AlertView, ...]]
    limits: Callable[[], tuple[Limit, ...]]
    health: Callable[[], tuple[HealthView, ...]]
    problems: Callable[[], tuple[str, ...]]
    rejected: Callable[[], int]
    unpriced_models: Callable[[], tuple[str, ...]]
    fold_lag_s: Callable[[], float | None]
    slos: Callable[[Sequence[AlertView]], tuple[SloView, ...]] = lambda alerts: ()
    """Given the alerts of the same moment; so are the budgets."""
    budgets: Callable[[Sequence[AlertView]], tuple[BudgetView, ...]] = lambda alerts: ()
    channels: Callable[[], tuple[ChannelView, ...]] = tuple


class Pictures:
    """Builds snapshots of the last tick, and publishes those that somebody watches."""

    def __init__(
        self,
        live: LiveMetrics,
        ledger: Ledger,
        clock: Clock,
        identity: Callable[[], Identity],
        contributions: Contributions,
        count_waiting: Callable[[], None] = lambda: None,
    ) -> None:
        """``count_waiting`` has the live numbers take in what has come and waits to be counted."""
        self._live = live
        self._ledger = ledger
        self._clock = clock
        self._identity = identity
        self._from = contributions
        self._count_waiting = count_waiting
        self._seq = 0
        self._at_ns = clock.wall_ns()
        self._stored: deque[tuple[int, int]] = deque(maxlen=RATE_OVER_TICKS + 1)
        self._parts: Parts | None = None
        self._built: dict[str, Snapshot] = {}
        self.tail = Tail()

    def advance(self) -> None:
        """Move the live numbers on to now; pictures built from here on are of this moment."""
        self._at_ns, mono_ns = self.refresh(), self._clock.mono_ns()
        self._stored.append((mono_ns, self._ledger.totals(mono_ns).stored))
        self._seq += 1
        self._parts = None
        self._built.clear()

    def refresh(self) -> int:
        """Move the live numbers on to now; the wall time that they are of."""
        self._count_waiting()
        mono_ns, wall_ns = self._clock.mono_ns(), self._clock.wall_ns()
        alive = [s for s in self._ledger.streams.copy().values() if s.is_alive(mono_ns)]
        self._live.advance(wall_ns, count_open(s.heartbeat for s in alive if s.heartbeat))
        return wall_ns

    def snapshot(self, by: str) -> Snapshot:
        """The picture of the last tick, grouped by ``by``."""
        if self._parts is None:
            self._parts = self._read_parts()
        if by not in self._built:
            self._built[by] = build_snapshot(
                self._live, self._live.windows.windows_s, by, self._identity(), self._parts
            )
        return self._built[by]

    async def publish(self, publisher: Publisher) -> None:
        """Send every picture and tail that somebody has subscribed to."""
        for by in GROUPINGS:
            if publisher.wants(TOPIC + by):
                await publisher.publish(TOPIC + by, encode_snapshot(self.snapshot(by)))
        for topic, payload in self.tail.drain().items():
            await publisher.publish(topic, payload)

    def ingest(self) -> IngestView:
        """The ledger now."""
        state = IngestState(
            events_per_second=self._rate(),
            rejected=self._from.rejected(),
            unpriced_models=self._from.unpriced_models()[:MOST_UNPRICED],
            fold_lag_s=self._from.fold_lag_s(),
        )
        return ingest_view(self._ledger.totals(self._clock.mono_ns()), self._live, state)

    def _read_parts(self) -> Parts:
        alerts = self._from.alerts()
        return Parts(
            seq=self._seq,
            at_ns=self._at_ns,
            alerts=alerts,
            health=self._from.health(),
            limits=self._from.limits(),
            ingest=self.ingest(),
            problems=self._from.problems(),
            slos=self._from.slos(alerts),
            budgets=self._from.budgets(alerts),
            channels=self._from.channels(),
        )

    def _rate(self) -> float:
        if len(self._stored) < 2:
            return 0.0
        (first_ns, first), (last_ns, last) = self._stored[0], self._stored[-1]
        return (last - first) / ((last_ns - first_ns) / 1e9) if last_ns > first_ns else 0.0


def wanted_tails(publisher: Publisher) -> frozenset[str]:
    """The tail topics that somebody follows."""
    return frozenset(topic for topic in TAILS if publisher.wants(topic))
