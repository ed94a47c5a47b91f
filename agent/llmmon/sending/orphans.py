"""Finds the spools of ended processes of this service and sees them delivered, one at a time."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from llmmon.protocol.wire import Header, Message
from llmmon.sending.orphan import Orphan
from llmmon.sending.stream import Carrier
from llmmon.spool.home import make_private, orphan_lock, owner, remove, spools

LOOK_S: Final = 30.0
"""Time between two looks for orphans."""
KEEP_S: Final = 7 * 86_400.0
"""Age from which an orphan is thrown away: the collector has given its events up by then."""


class Orphans:
    """The adopter's side. Whatever goes wrong with an orphan is warned of and ends with it."""

    def __init__(
        self, home: str, warn: Callable[[object], None], wall_s: Callable[[], float] = time.time
    ) -> None:
        self._home = home
        self._warn = warn
        self._wall_s = wall_s
        self._waiting: list[str] = []
        self._next_look_s = 0.0
        self._settled = 0
        self._current: Orphan | None = None

    @property
    def adopted(self) -> int:
        """Events of ended processes that the collector has on disk, as far as this one saw."""
        current = self._current
        return self._settled + (0 if current is None else current.delivery.acknowledged)

    @property
    def busy(self) -> bool:
        """Whether the next turn has something to do at once."""
        current = self._current
        return bool(self._waiting) if current is None else current.loading

    def turn(self, carrier: Carrier, now_s: float) -> bool:
        """Adopt, read, send, end: one step of each. False if there is no peer to send to."""
        try:
            return self._turn(carrier, now_s)
        except OSError as error:
            self._warn(error)
            return True

    def _turn(self, carrier: Carrier, now_s: float) -> bool:
        if self._current is None:
            self._current = self._adopt(now_s)
        orphan = self._current
        if orphan is None:
            return True
        self._load(orphan)
        orphan.stream.release()
        orphan.delivery.tick(now_s)
        if orphan.delivery.refused:
            # others may be taken: this one comes again with the next look
            self._warn(orphan.delivery.refused)
            orphan.let_go()
            self._close(orphan)
            return True
        if not orphan.send(carrier, now_s):
            return False
        self._end(orphan, carrier)
        return True

    def _load(self, orphan: Orphan) -> None:
        try:
            orphan.load()
        except OSError:
            # it may be this process that lacks descriptors or memory: leave it whole
            orphan.let_go()
            self._close(orphan)
            raise

    def _end(self, orphan: Orphan, carrier: Carrier) -> None:
        try:
            ended = orphan.end(carrier)
        except OSError:
            self._close(orphan)
            raise
        if ended:
            self._close(orphan)

    def _close(self, orphan: Orphan) -> None:
        self._settled += orphan.delivery.acknowledged
        self._current = None
        if orphan.damaged:
            self._warn(f"{orphan.damaged} damaged places in the spool of an ended process")

    def _adopt(self, now_s: float) -> Orphan | None:
        if not self._waiting:
            if now_s < self._next_look_s:
                return None
            self._next_look_s = now_s + LOOK_S
            self._waiting = self._look()
        while self._waiting:
            name = self._waiting.pop(0)
            who = owner(name)
            directory = os.path.join(self._home, name)
            descriptor = None if who is None else orphan_lock(directory)
            if who is None or descriptor is None:
                continue
            if self._wall_s() - _written_s(directory) <= KEEP_S:
                return _take_over(directory, descriptor, who)
            remove(directory, descriptor)
            self._warn(f"{directory} was too old to be delivered: removed")
        return None

    def _look(self) -> list[str]:
        if not os.path.isdir(self._home):
            return []
        make_private(self._home)
        return spools(self._home)

    def received(
        self, message: Message, header: Header, values: Mapping[str, Any], now_s: float
    ) -> None:
        """Take in an answer of the collector, if it is for an orphan."""
        if self._current is not None and self._current.stream.is_of(header):
            self._current.delivery.received(message, header.seq, values, now_s)

    def blocked(self) -> None:
        """The transport was opened anew: greet again."""
        if self._current is not None:
            self._current.delivery.blocked()

    def wake_at(self) -> float | None:
        """When a turn is due if nothing is heard; None when there is nothing to wait for."""
        return None if self._current is None else self._current.delivery.wake_at()

    def let_go(self) -> None:
        """Leave what is not delivered to whoever comes next."""
        if self._current is not None:
            self._current.let_go()


def _written_s(directory: str) -> float:
    """When something was last written to a spool, by the wall clock."""
    times = (os.lstat(os.path.join(directory, name)).st_mtime for name in os.listdir(directory))
    return max(times, default=0.0)


def _take_over(directory: str, descriptor: int, who: tuple[bytes, int]) -> Orphan:
    try:
        return Orphan(directory, descriptor, who)
    except OSError:
        os.close(descriptor)
        raise
