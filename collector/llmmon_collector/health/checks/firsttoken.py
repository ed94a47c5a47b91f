"""Times the first token of a streamed answer, and the whole."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Final

import aiohttp

from llmmon.protocol.snapshot import Measurement
from llmmon_collector.clock import Clock
from llmmon_collector.health.checks.chat import document_of, error_in, piece_of
from llmmon_collector.health.checks.client import read_at_most
from llmmon_collector.health.checks.sse import EventReader
from llmmon_collector.health.model import LlmCheck
from llmmon_collector.health.outcome import Outcome, judge

_MAX_BYTES: Final = 2**20
_SHARE_OF_TIMEOUT: Final = 0.9
"""A stream that has begun and not ended by then is told as such, not as no answer."""


class _Stream:
    """What has been seen of one stream."""

    def __init__(self, clock: Clock, started_ns: int) -> None:
        self._clock = clock
        self._started_ns = started_ns
        self._events = EventReader()
        self._size = 0
        self.ttft_ms: float | None = None
        self.finished = False
        self.done = False
        self.error = ""

    def elapsed_ms(self) -> float:
        """Since the question was sent."""
        return (self._clock.mono_ns() - self._started_ns) / 1e6

    def take(self, chunk: bytes) -> None:
        """One more piece of the body."""
        now_ms = self.elapsed_ms()
        self._size += len(chunk)
        if self._size > _MAX_BYTES:
            self.error = f"the stream does not end after {_MAX_BYTES} bytes"
            return
        try:
            pieces = [piece_of(event) for event in self._events.feed(chunk)]
        except ValueError as error:
            self.error = str(error)
            return
        for piece in pieces:
            if piece.kind == "token" and self.ttft_ms is None:
                self.ttft_ms = now_ms
            self.finished = self.finished or piece.kind in {"finished", "done"}
            self.done = self.done or piece.kind == "done"
            self.error = self.error or piece.error

    @property
    def over(self) -> bool:
        """Whether nothing is left to wait for."""
        return self.done or bool(self.error)


async def time_first_token(
    spec: LlmCheck, answer: aiohttp.ClientResponse, clock: Clock, started_ns: int
) -> Outcome:
    """Milliseconds to the first token; measures ``ttft_ms`` and ``total_ms``."""
    if answer.content_type != "text/event-stream":
        return _not_streamed(await read_at_most(answer, _MAX_BYTES))
    stream = _Stream(clock, started_ns)
    try:
        left_s = _SHARE_OF_TIMEOUT * spec.timeout_s - stream.elapsed_ms() / 1000
        async with asyncio.timeout(left_s):
            async for chunk in answer.content.iter_any():
                stream.take(chunk)
                if stream.over:
                    break
    except TimeoutError:
        came = stream.ttft_ms is not None
        stream.error = "the stream does not end" if came else "no token came in time"
    except aiohttp.ClientError:
        stream.error = "the stream broke off"
    return _judge(spec, stream)


def _judge(spec: LlmCheck, stream: _Stream) -> Outcome:
    total = Measurement("total_ms", stream.elapsed_ms(), "ms")
    if stream.error:
        return Outcome("failing", stream.ttft_ms, "ms", stream.error)
    if stream.ttft_ms is None and stream.finished:
        return Outcome("ok", None, "ms", "answered without visible text", (total,))
    if stream.ttft_ms is None:
        return Outcome("failing", message="the stream ended without a token")
    first = Measurement("ttft_ms", stream.ttft_ms, "ms")
    limits = (spec.warn_ms, spec.fail_ms)
    outcome = judge(stream.ttft_ms, "ms", limits, "time to first token")
    if outcome.status == "ok" and not stream.finished:
        outcome = Outcome("degraded", stream.ttft_ms, "ms", "the stream ended without saying so")
    return replace(outcome, measurements=(first, total))


def _not_streamed(body: bytes) -> Outcome:
    document = document_of(body)
    if error := error_in(document):
        return Outcome("failing", message=error)
    if document.get("choices"):
        return Outcome("degraded", message="answers, but does not stream: no first token to time")
    return Outcome("failing", message="the answer is neither a stream nor a completion")
