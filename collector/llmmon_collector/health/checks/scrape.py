"""An inference server's Prometheus endpoint: queue, cache, speed, and latency since last time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

import aiohttp

from llmmon.protocol.snapshot import Measurement
from llmmon_collector.health.checks.client import open_session, read_at_most
from llmmon_collector.health.checks.exposition import Reading, read_exposition
from llmmon_collector.health.checks.growth import measure
from llmmon_collector.health.context import CheckContext
from llmmon_collector.health.model import ScrapeCheck
from llmmon_collector.health.outcome import STATUSES, Outcome, judge
from llmmon_collector.outbound.trouble import connection_trouble
from llmmon_collector.secret import read_secret
from llmmon_collector.threads import start_in_thread

_MAX_BYTES: Final = 8 * 2**20
_TOLD: Final = {
    "requests_running": "{:.0f} running",
    "requests_waiting": "{:.0f} waiting",
    "cache_usage": "cache {:.0%}",
    "ttft_p95_ms": "TTFT p95 {:.0f} ms",
}
_KEPT_INTERVALS: Final = 3.0
"""A scrape further back is no base for what happened since."""


class Scraper:
    """Remembers what it read last."""

    def __init__(self) -> None:
        self._before: Reading | None = None

    async def check(self, spec: ScrapeCheck, context: CheckContext) -> Outcome:
        """Milliseconds to the whole answer; measures what the server tells."""
        headers = {"Accept": "text/plain; version=0.0.4"}
        if spec.api_key is not None:
            headers["Authorization"] = f"Bearer {read_secret(spec.api_key, context.environ)}"
        started_ns = context.clock.mono_ns()
        try:
            async with (
                open_session(context, headers) as session,
                session.get(spec.url, allow_redirects=False) as answer,
            ):
                if answer.status != 200:
                    return Outcome("failing", message=f"HTTP status {answer.status}")
                body = await read_at_most(answer, _MAX_BYTES + 1)
        except aiohttp.ClientError as error:
            return Outcome("failing", message=connection_trouble(error))
        if len(body) > _MAX_BYTES:
            return Outcome("failing", message=f"the answer is longer than {_MAX_BYTES} bytes")
        now_ns = context.clock.mono_ns()
        return await self._judge(spec, body, now_ns, (now_ns - started_ns) / 1e6)

    async def _judge(self, spec: ScrapeCheck, body: bytes, now_ns: int, took_ms: float) -> Outcome:
        def read() -> Reading:
            return read_exposition(body.decode(errors="replace"), spec.model, now_ns)

        try:
            now = await start_in_thread(read, f"health {spec.name} parse")
        except ValueError:
            return Outcome("failing", took_ms, "ms", "the answer is not Prometheus text")
        if not now.samples:
            of = f" for the model {spec.model}" if spec.model else ""
            return Outcome("degraded", took_ms, "ms", f"no known metric of an inference server{of}")
        before = self._before
        if before is not None and now_ns - before.mono_ns > _KEPT_INTERVALS * spec.interval_s * 1e9:
            before = None
        self._before = now
        measured = measure(now, before)
        outcome = _worst(_verdicts(spec, measured, took_ms))
        return replace(outcome, value=took_ms, unit="ms", measurements=measured)


def _verdicts(
    spec: ScrapeCheck, measured: Iterable[Measurement], took_ms: float
) -> Iterable[Outcome]:
    values = {one.name: one.value for one in measured}
    told = ", ".join(form.format(values[name]) for name, form in _TOLD.items() if name in values)
    yield judge(took_ms, "ms", (spec.warn_ms, spec.fail_ms), told or "answers")
    for name, value in values.items():
        verdict = judge(value, name, (spec.warn.get(name), spec.fail.get(name)), "")
        if verdict.status != "ok":
            yield verdict


def _worst(verdicts: Iterable[Outcome]) -> Outcome:
    return max(verdicts, key=lambda verdict: STATUSES.index(verdict.status))
