"""Which of the deliveries that are due go in the next message. Pure."""

from __future__ import annotations

from enum import Enum

from llmmon_collector.notify.notification import Delivery


class Pick(Enum):
    """A way to choose, going through them from the oldest."""

    GROUP = "group"
    """The oldest, with others of its group."""
    MIXED = "mixed"
    """The oldest, whatever their groups: after a rate limit held them back."""
    URGENT = "urgent"
    """A critical alert that fires, with others of its group; nothing where there is none."""

    def takes(self, delivery: Delivery, first: Delivery | None) -> bool:
        """Whether ``delivery`` goes with ``first``, or is the first where that is None."""
        if first is None:
            return self is not Pick.URGENT or _is_urgent(delivery)
        return self is Pick.MIXED or delivery.group == first.group


def _is_urgent(delivery: Delivery) -> bool:
    return delivery.event == "firing" and delivery.alert.severity == "critical"
