"""A monitor's counts, from what its lanes and its delivery know."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from llmmon.results import FlushResult, Stats

if TYPE_CHECKING:
    from llmmon.delivery.delivery import Delivery
    from llmmon.monitor import Monitor

QUEUE_FULL: Final = "queue_full"
SHUTDOWN: Final = "shutdown"


def read_stats(monitor: Monitor) -> Stats:
    """The counts of the monitor's epoch, now."""
    delivery = _delivery(monitor)
    acknowledged = 0 if delivery is None else delivery.acknowledged
    lost = lost_by_reason(monitor)
    emitted = monitor.emitted
    return Stats(
        emitted=emitted,
        acknowledged=acknowledged,
        lost=lost,
        buffered=emitted - acknowledged - sum(lost.values()),
        connected=delivery is not None and delivery.connected,
        open_requests=len(monitor.open),
        endpoint=str(monitor.config.address),
        service=monitor.config.service,
        spooled=0 if delivery is None else delivery.spooled,
        adopted=0 if monitor.sender is None else monitor.sender.adopted,
    )


def lost_by_reason(monitor: Monitor) -> dict[str, int]:
    """Events lost so far, those in the lanes that delivery has not heard of yet too."""
    delivery = _delivery(monitor)
    lost = {} if delivery is None else dict(delivery.lost)
    lost[QUEUE_FULL] = sum(lane.dropped.value for lane in monitor.lanes)
    lost[SHUTDOWN] = lost.get(SHUTDOWN, 0) + sum(lane.discarded.value for lane in monitor.lanes)
    return {reason: count for reason, count in lost.items() if count}


def _delivery(monitor: Monitor) -> Delivery | None:
    return None if monitor.sender is None else monitor.sender.delivery


def flush_result(before: Stats, after: Stats) -> FlushResult:
    """What happened between two counts."""
    return FlushResult(
        delivered=max(0, after.acknowledged - before.acknowledged),
        pending=max(0, after.buffered),
        dropped=max(0, sum(after.lost.values()) - sum(before.lost.values())),
    )
