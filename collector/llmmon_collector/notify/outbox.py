"""What is still to be told, in memory and in order. Pure; what changed is handed out for saving.

Delivery is at least once: what was sent and not yet noted is sent again after a crash, under the
same deduplication key. For that the changes must be saved after :meth:`Outbox.take` and before
anything is sent. Per channel and key only the newest notification matters: it supersedes what has
not been sent, except that an acknowledgement follows the firing that it is about. A resolve that
supersedes everything a channel could ever have heard of an alert goes with it: nobody needs to
hear that what they never knew is over.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Final

from llmmon.protocol.snapshot import AlertView
from llmmon_collector.notify.notification import Delivery, Event, Slot
from llmmon_collector.notify.pick import Pick

DEADLINE_S: Final = 86_400
"""What could not be delivered in this time is given up."""
MAX_WAITING: Final = 10_000
"""Deliveries a channel may have waiting; beyond it the oldest are given up."""

Told = tuple[str, str]
"""A channel and the key of an alert that it believes, or may believe, to be firing."""
_AT_ONCE: Final = Slot()


@dataclass(slots=True)
class Changes:
    """What a copy on disk lacks."""

    deliveries: dict[int, Delivery | None] = field(default_factory=dict)
    """By number; None for one that is gone."""
    told: dict[Told, bool] = field(default_factory=dict)


class Outbox:
    """Deliveries of all channels."""

    def __init__(self, waiting: Iterable[Delivery] = (), told: Iterable[Told] = ()) -> None:
        self._queues: defaultdict[str, dict[int, Delivery]] = defaultdict(dict)
        """By channel and number, in order."""
        self._numbers: defaultdict[Told, list[int]] = defaultdict(list)
        self._joinable: defaultdict[tuple[str, str], set[int]] = defaultdict(set)
        """By channel and group: what waits for others to go with it."""
        self._told = set(told)
        self._tellers = Counter(key for _, key in self._told)
        self._in_flight: set[int] = set()
        for delivery in waiting:
            self._add(delivery)
        self._next = max((max(queue) for queue in self._queues.values()), default=0) + 1
        self._changes = Changes()
        self.given_up: Counter[str] = Counter()
        """Deliveries given up, by channel."""

    def put(
        self, channel: str, event: Event, alert: AlertView, now_ns: int, slot: Slot = _AT_ONCE
    ) -> bool:
        """Enqueue; ``now_ns`` is wall time. False for what follows a firing nobody can have heard.

        A due time in ``slot`` is the latest: others of the group that wait already, or what this
        supersedes, may be due before it.
        """
        older = [d for d in self._of(channel, alert.id) if d.number not in self._in_flight]
        superseded = [d for d in older if event != "acknowledged" or d.event == event]
        for delivery in superseded:
            self._supersede(delivery)
        if event != "firing" and not self._may_know(channel, alert.id):
            return False
        dues = [d.due_ns for d in superseded if d.event == "firing" and not d.attempts]
        due_ns = self._join(channel, slot.group, min([slot.due_ns, *dues]))
        made = Delivery(self._next, channel, event, alert, now_ns, 0, due_ns, slot.group)
        self._next += 1
        self._set(made)
        if due_ns:
            self._joinable[channel, slot.group].add(made.number)
        if self.waiting(channel) > MAX_WAITING:
            oldest = next(d for d in self._queues[channel].values() if self._is_idle(d))
            self._give_up(oldest, heard=oldest.attempts > 0)
        return True

    def withdraw(self, channel: str, key: str) -> bool:
        """Tell ``channel`` no more of the alert, and take it to know nothing; whether it did.

        For a channel that is not told when an alert is over.
        """
        known = (channel, key) in self._told or any(d.attempts for d in self._of(channel, key))
        for delivery in self._of(channel, key):
            self._remove(delivery)
        self._tell((channel, key), False)
        return known

    def take(
        self, channel: str, mono_ns: int, wall_ns: int, limit: int, pick: Pick = Pick.GROUP
    ) -> tuple[Delivery, ...]:
        """The next deliveries to try, oldest first. Settle or release each of them.

        At most one of an alert is on its way at a time, so that none overtakes another.
        """
        self._give_up_old(channel, wall_ns)
        taken: list[Delivery] = []
        seen: set[str] = set()
        for delivery in tuple(self._queues[channel].values()):
            blocked = delivery.key in seen or not self._is_idle(delivery)
            seen.add(delivery.key)
            if blocked or delivery.due_ns > mono_ns:
                continue
            if pick.takes(delivery, taken[0] if taken else None):
                self._leave(delivery)
                self._in_flight.add(delivery.number)
                taken.append(self._set(replace(delivery, attempts=delivery.attempts + 1)))
            if len(taken) == limit:
                break
        return tuple(taken)

    def sent(self, deliveries: Iterable[Delivery]) -> None:
        """They were accepted."""
        for delivery in self._wanted(deliveries):
            if delivery.event != "acknowledged":
                self._tell((delivery.channel, delivery.key), delivery.event == "firing")
            self._remove(delivery)

    def retry(self, deliveries: Iterable[Delivery], due_ns: int) -> None:
        """They may or may not have arrived: try them again, unless something newer waits."""
        for delivery in self._wanted(deliveries):
            newer = any(
                other.number > delivery.number and other.event != "acknowledged"
                for other in self._of(delivery.channel, delivery.key)
            )
            self._in_flight.discard(delivery.number)
            if newer:
                self._supersede(delivery)
            else:
                self._set(replace(delivery, due_ns=due_ns))

    def failed(self, deliveries: Iterable[Delivery]) -> None:
        """They were refused for good. What would follow what was so never told is dropped too.

        An attempt before that one may have been heard all the same.
        """
        for delivery in self._wanted(deliveries):
            self._give_up(delivery, heard=delivery.attempts > 1)

    def release(self, deliveries: Iterable[Delivery]) -> None:
        """The attempt was broken off."""
        self._in_flight.difference_update(delivery.number for delivery in deliveries)

    def keep_channels(self, names: Iterable[str]) -> None:
        """Forget what belongs to any other channel."""
        kept = set(names)
        for channel in self._queues.keys() - kept:
            for delivery in tuple(self._queues[channel].values()):
                self._remove(delivery)
        for told in tuple(self._told):
            if told[0] not in kept:
                self._tell(told, False)

    def set_clock(self, moved_ns: int) -> None:
        """The wall clock was set by so much: what waits has waited no longer for it."""
        for queue in self._queues.values():
            for delivery in tuple(queue.values()):
                self._set(replace(delivery, created_ns=delivery.created_ns + moved_ns))

    def is_told(self, key: str) -> bool:
        """Whether any channel believes the alert ``key`` to be firing."""
        return self._tellers[key] > 0

    def waiting(self, channel: str) -> int:
        """Deliveries of ``channel`` not yet accepted."""
        return len(self._queues[channel])

    def oldest_ns(self, channel: str) -> int | None:
        """When the oldest of them was enqueued, wall clock."""
        return min((d.created_ns for d in self._queues[channel].values()), default=None)

    @property
    def tried_since_ns(self) -> int | None:
        """When the oldest delivery was enqueued that was tried in vain, wall clock."""
        waiting = chain.from_iterable(queue.values() for queue in self._queues.values())
        tried = (d.created_ns for d in waiting if d.attempts and self._is_idle(d))
        return min(tried, default=None)

    @property
    def changes(self) -> Changes:
        """What changed since the last :meth:`saved`."""
        return self._changes

    def saved(self) -> None:
        """The changes are on disk."""
        self._changes = Changes()

    def _of(self, channel: str, key: str) -> list[Delivery]:
        queue = self._queues[channel]
        return [queue[number] for number in self._numbers.get((channel, key), ())]

    def _is_idle(self, delivery: Delivery) -> bool:
        return delivery.number not in self._in_flight

    def _may_know(self, channel: str, key: str) -> bool:
        """Whether ``channel`` has heard that the alert fires, or is about to."""
        told = (channel, key) in self._told
        return told or any(d.event == "firing" for d in self._of(channel, key))

    def _wanted(self, deliveries: Iterable[Delivery]) -> list[Delivery]:
        """Those that nobody has withdrawn while they were on their way."""
        return [d for d in deliveries if d.number in self._queues[d.channel]]

    def _join(self, channel: str, group: str, due_ns: int) -> int:
        others = self._joinable.get((channel, group)) if due_ns else None
        if not others:
            return due_ns
        return min(due_ns, self._queues[channel][next(iter(others))].due_ns)

    def _leave(self, delivery: Delivery) -> None:
        place = delivery.channel, delivery.group
        others = self._joinable.get(place)
        if others is not None:
            others.discard(delivery.number)
            if not others:
                del self._joinable[place]

    def _add(self, delivery: Delivery) -> None:
        queue = self._queues[delivery.channel]
        if delivery.number not in queue:
            self._numbers[delivery.channel, delivery.key].append(delivery.number)
        queue[delivery.number] = delivery

    def _set(self, delivery: Delivery) -> Delivery:
        self._add(delivery)
        self._changes.deliveries[delivery.number] = delivery
        return delivery

    def _remove(self, delivery: Delivery) -> None:
        number = delivery.number
        self._in_flight.discard(number)
        self._leave(delivery)
        del self._queues[delivery.channel][number]
        self._changes.deliveries[number] = None
        same = self._numbers[delivery.channel, delivery.key]
        same.remove(number)
        if not same:
            del self._numbers[delivery.channel, delivery.key]

    def _supersede(self, delivery: Delivery) -> None:
        """Drop it for something newer; what was tried may have been heard."""
        if delivery.event == "firing" and delivery.attempts:
            self._tell((delivery.channel, delivery.key), True)
        self._remove(delivery)

    def _give_up_old(self, channel: str, wall_ns: int) -> None:
        latest_ns = wall_ns - DEADLINE_S * 10**9
        for delivery in tuple(self._queues[channel].values()):
            if delivery.created_ns >= latest_ns:
                break
            if self._is_idle(delivery) and self._wanted([delivery]):
                self._give_up(delivery, heard=delivery.attempts > 0)

    def _give_up(self, delivery: Delivery, heard: bool) -> None:
        """Tell it no more, nor what would follow it where nobody can have ``heard`` it."""
        self.given_up[delivery.channel] += 1
        if delivery.event == "firing" and heard:
            self._tell((delivery.channel, delivery.key), True)
        self._remove(delivery)
        if not self._may_know(delivery.channel, delivery.key):
            for follower in self._of(delivery.channel, delivery.key):
                self._remove(follower)

    def _tell(self, told: Told, firing: bool) -> None:
        if firing == (told in self._told):
            return
        self._changes.told[told] = firing
        if firing:
            self._told.add(told)
            self._tellers[told[1]] += 1
        else:
            self._told.discard(told)
            self._tellers[told[1]] -= 1
            if not self._tellers[told[1]]:
                del self._tellers[told[1]]
