"""What is still to be told, in memory and in order. Pure; what changed is handed out for saving.

Delivery is at least once: what was sent and not yet noted is sent again after a crash, under the
same deduplication key. Per channel and key only the newest notification matters: it supersedes
what has not been sent. A resolve that supersedes everything a channel would ever have heard of an
alert goes with it: nobody needs to hear that what they never knew is over.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Final

from llmmon.protocol.snapshot import AlertView
from llmmon_collector.notify.notification import Delivery, Event

DEADLINE_S: Final = 86_400
"""What could not be delivered in this time is given up."""
MAX_WAITING: Final = 1000
"""Deliveries a channel may have waiting; beyond it the oldest are given up."""

Told = tuple[str, str]
"""A channel and the key of an alert that it believes to be firing."""


@dataclass(slots=True)
class Changes:
    """What a copy on disk lacks."""

    deliveries: dict[int, Delivery | None] = field(default_factory=dict)
    """By number; None for one that is gone."""
    told: dict[Told, bool] = field(default_factory=dict)


class Outbox:
    """Deliveries of all channels."""

    def __init__(self, waiting: Iterable[Delivery] = (), told: Iterable[Told] = ()) -> None:
        self._waiting: dict[int, Delivery] = {}
        self._numbers: defaultdict[Told, set[int]] = defaultdict(set)
        self._counts: Counter[str] = Counter()
        self._told = set(told)
        self._in_flight: set[int] = set()
        for delivery in waiting:
            self._add(delivery)
        self._next = max(self._waiting, default=0) + 1
        self._changes = Changes()
        self.given_up: Counter[str] = Counter()
        """Deliveries given up, by channel."""

    def put(self, channel: str, event: Event, alert: AlertView, now_ns: int) -> None:
        """Enqueue; ``now_ns`` is wall time."""
        known = (channel, alert.id) in self._told
        for older in self._of(channel, alert.id):
            known = known or older.attempts > 0
            if older.number not in self._in_flight:
                self._remove(older.number)
        if event == "resolved" and not known:
            return
        self._set(Delivery(self._next, channel, event, alert, now_ns))
        self._next += 1
        if self.waiting(channel) > MAX_WAITING:
            self._give_up(min(d.number for d in self._idle(channel)))

    def take(self, channel: str, mono_ns: int, wall_ns: int, limit: int) -> tuple[Delivery, ...]:
        """The next deliveries to try, oldest first. Settle or release each of them."""
        for old in self._idle(channel):
            if wall_ns - old.created_ns > DEADLINE_S * 10**9:
                self._give_up(old.number)
        due = [delivery for delivery in self._idle(channel) if delivery.due_ns <= mono_ns]
        taken = []
        for delivery in due[:limit]:
            self._in_flight.add(delivery.number)
            taken.append(self._set(replace(delivery, attempts=delivery.attempts + 1)))
        return tuple(taken)

    def sent(self, deliveries: Iterable[Delivery]) -> None:
        """They were accepted."""
        for delivery in deliveries:
            self._tell((delivery.channel, delivery.key), delivery.event == "firing")
            self._remove(delivery.number)

    def retry(self, deliveries: Iterable[Delivery], due_ns: int) -> None:
        """They may or may not have arrived: try them again, unless something newer waits."""
        for delivery in deliveries:
            newer = any(
                d.number > delivery.number for d in self._of(delivery.channel, delivery.key)
            )
            self._in_flight.discard(delivery.number)
            if newer:
                self._remove(delivery.number)
            else:
                self._set(replace(delivery, due_ns=due_ns))

    def failed(self, deliveries: Iterable[Delivery]) -> None:
        """They were refused for good. A resolve of what was so never told is dropped too."""
        for delivery in deliveries:
            self._give_up(delivery.number)
            if (delivery.channel, delivery.key) not in self._told:
                for newer in self._of(delivery.channel, delivery.key):
                    if newer.event == "resolved":
                        self._remove(newer.number)

    def release(self, deliveries: Iterable[Delivery]) -> None:
        """The attempt was broken off."""
        self._in_flight.difference_update(delivery.number for delivery in deliveries)

    def keep_channels(self, names: Iterable[str]) -> None:
        """Forget what belongs to any other channel."""
        kept = set(names)
        for delivery in tuple(self._waiting.values()):
            if delivery.channel not in kept:
                self._remove(delivery.number)
        for told in tuple(self._told):
            if told[0] not in kept:
                self._tell(told, False)

    def is_told(self, key: str) -> bool:
        """Whether any channel believes the alert ``key`` to be firing."""
        return any(told_key == key for _, told_key in self._told)

    def waiting(self, channel: str) -> int:
        """Deliveries of ``channel`` not yet accepted."""
        return self._counts[channel]

    def oldest_ns(self, channel: str) -> int | None:
        """When the oldest of them was enqueued, wall clock."""
        created = [d.created_ns for d in self._waiting.values() if d.channel == channel]
        return min(created, default=None)

    @property
    def changes(self) -> Changes:
        """What changed since the last :meth:`saved`."""
        return self._changes

    def saved(self) -> None:
        """The changes are on disk."""
        self._changes = Changes()

    def _of(self, channel: str, key: str) -> list[Delivery]:
        numbers = self._numbers.get((channel, key), ())
        return [self._waiting[number] for number in sorted(numbers)]

    def _idle(self, channel: str) -> list[Delivery]:
        return [
            delivery
            for delivery in self._waiting.values()
            if delivery.channel == channel and delivery.number not in self._in_flight
        ]

    def _add(self, delivery: Delivery) -> None:
        if delivery.number not in self._waiting:
            self._numbers[delivery.channel, delivery.key].add(delivery.number)
            self._counts[delivery.channel] += 1
        self._waiting[delivery.number] = delivery

    def _set(self, delivery: Delivery) -> Delivery:
        self._add(delivery)
        self._changes.deliveries[delivery.number] = delivery
        return delivery

    def _remove(self, number: int) -> None:
        self._in_flight.discard(number)
        delivery = self._waiting.pop(number, None)
        if delivery is None:
            return
        self._changes.deliveries[number] = None
        self._counts[delivery.channel] -= 1
        same = self._numbers[delivery.channel, delivery.key]
        same.discard(number)
        if not same:
            del self._numbers[delivery.channel, delivery.key]

    def _give_up(self, number: int) -> None:
        self.given_up[self._waiting[number].channel] += 1
        self._remove(number)

    def _tell(self, told: Told, firing: bool) -> None:
        if firing == (told in self._told):
            return
        self._changes.told[told] = firing
        if firing:
            self._told.add(told)
        else:
            self._told.discard(told)
