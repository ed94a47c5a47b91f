"""Follows a collector: subscribe, fetch, drop what is older; fetch again on a gap or a silence."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Final

import zmq
import zmq.asyncio

from llmmon.errors import (
    ControlError,
    LlmmonError,
    ProtocolError,
    SchemaError,
    UnreachableError,
    VersionError,
)
from llmmon.protocol.endpoint import Address
from llmmon.protocol.snapshot import TAIL_TOPIC, TOPIC, Snapshot, decode_snapshot
from llmmon_tui import fields
from llmmon_tui.control import SOCKET_OPTIONS, ControlClient, use_keys
from llmmon_tui.rows import RequestRow, decode_tail, parse_rows
from llmmon_tui.sequence import Sequence

REQUESTS_TOPIC: Final = f"{TAIL_TOPIC}requests"
FIRST_ROWS: Final = {"all": 150, "errors": 50, "slow": 50}
"""Requests asked for at the start, by `only`."""


@dataclass(frozen=True, slots=True)
class Arrived:
    """A snapshot that is news, after `missed` others that did not come."""

    snapshot: Snapshot
    missed: int


@dataclass(frozen=True, slots=True)
class Rows:
    """Requests, by themselves or asked for."""

    rows: list[RequestRow]
    sampled_out: int | None = None
    """How many the tail left out beside these; None for rows that were asked for."""


@dataclass(frozen=True, slots=True)
class Lost:
    """No collector answers, for the `attempt`th time in a row."""

    reason: str
    attempt: int
    retry_s: float


@dataclass(frozen=True, slots=True)
class Mismatched:
    """The collector speaks another version of the protocol."""

    reason: str
    retry_s: float


News = Arrived | Rows | Lost | Mismatched


@dataclass(frozen=True, slots=True)
class Timing:
    """How patient a feed is, in s. A retry waits twice as long as the one before."""

    silence_s: float = 3.0
    answer_s: float = 2.0
    retry_s: float = 0.5
    longest_retry_s: float = 8.0


class Feed:
    """Tells `emit` what comes; touches nothing else. Runs on the event loop of its caller."""

    def __init__(
        self,
        context: zmq.asyncio.Context,
        address: Address,
        control: ControlClient,
        emit: Callable[[News], None],
        timing: Timing | None = None,
    ) -> None:
        self._context = context
        self._address = address
        self._control = control
        self._emit = emit
        self._timing = timing or Timing()

    async def follow(self, by: str, window_s: int | None = None) -> None:
        """Follow the snapshots grouped by `by` until cancelled; they have every window."""
        sequence = Sequence()
        attempt = 0
        while True:
            try:
                with self._subscription(by) as socket:
                    await self._fetch(by, sequence)
                    attempt = 0
                    await self._listen(socket, by, sequence)
                continue
            except (LlmmonError, zmq.ZMQError) as error:
                attempt += 1
                retry_s = min(
                    self._timing.retry_s * 2 ** min(attempt - 1, 16), self._timing.longest_retry_s
                )
                self._emit(_failure(error, attempt, retry_s))
            await asyncio.sleep(retry_s)

    async def fetch_rows(self) -> None:
        """Ask for the requests that ended before the tail was heard."""
        for only, limit in FIRST_ROWS.items():
            result = await self._control.call(
                "requests",
                self._timing.answer_s,
                limit=limit,
                only=only,
                where={},
                since_ns=None,
            )
            self._emit(Rows(parse_rows(result)))

    @contextmanager
    def _subscription(self, by: str) -> Iterator[zmq.asyncio.Socket]:
        socket = self._context.socket(zmq.SUB)
        try:
            for option, value in SOCKET_OPTIONS.items():
                socket.setsockopt(option, value)
            socket.subscribe(TOPIC + by)
            socket.subscribe(REQUESTS_TOPIC)
            use_keys(socket, self._address.snapshots, self._control.keys)
            socket.connect(self._address.snapshots)
            yield socket
        finally:
            socket.close(0)

    async def _fetch(self, by: str, sequence: Sequence) -> None:
        payload = await self._control.call("snapshot", self._timing.answer_s, by=by)
        self._take(fields.snapshot(payload), sequence)

    async def _listen(self, socket: zmq.asyncio.Socket, by: str, sequence: Sequence) -> None:
        """Until no snapshot comes: then the subscription itself is in doubt and is made anew."""
        clock = asyncio.get_running_loop().time
        deadline_s = clock() + self._timing.silence_s
        while await socket.poll(max(0, int((deadline_s - clock()) * 1000))):
            topic, payload = (await socket.recv_multipart())[:2]
            if topic == REQUESTS_TOPIC.encode():
                self._take_rows(payload)
            elif topic == (TOPIC + by).encode():
                deadline_s = clock() + self._timing.silence_s
                if self._take(decode_snapshot(payload), sequence):
                    await self._fetch(by, sequence)

    def _take_rows(self, payload: bytes) -> None:
        with suppress(SchemaError):  # the numbers do not depend on the tail
            self._emit(Rows(*decode_tail(payload)))

    def _take(self, snapshot: Snapshot, sequence: Sequence) -> int:
        """Pass it on if it is news; how many were missed before it."""
        missed = sequence.missed(snapshot)
        if missed is None:
            return 0
        self._emit(Arrived(snapshot, missed))
        return missed


def _failure(error: LlmmonError | zmq.ZMQError, attempt: int, retry_s: float) -> News:
    if isinstance(error, VersionError):
        return Mismatched(str(error), retry_s)
    if isinstance(error, ProtocolError):
        return Lost(f"unreadable answer: {error}", attempt, retry_s)
    if isinstance(error, ControlError | zmq.ZMQError):
        return Lost(str(error), attempt, retry_s)
    refusal = error.refusal if isinstance(error, UnreachableError) else ""
    return Lost(f"refused: {refusal}" if refusal else "no answer", attempt, retry_s)
