"""A port that must accept connections, and answer when something is expected of it."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Final

from llmmon_collector.health.context import CheckContext
from llmmon_collector.health.model import TcpCheck
from llmmon_collector.health.outcome import Outcome, judge
from llmmon_collector.outbound.trouble import os_reason
from llmmon_collector.scrub import one_line

_MAX_ANSWER_BYTES: Final = 64 * 1024
_SHARE_OF_TIMEOUT: Final = 0.9
"""What has come by then and is not what was expected is told, not that no answer came."""


async def check(spec: TcpCheck, context: CheckContext) -> Outcome:
    """Milliseconds to the connection, or to the expected answer."""
    started_ns = context.clock.mono_ns()
    try:
        reader, writer = await _connect(spec, context)
    except OSError as error:
        return Outcome("failing", message=f"no connection: {os_reason(error)}")
    try:
        writer.write(spec.send.encode())
        answer = await _answer(reader, spec.expect.encode(), _SHARE_OF_TIMEOUT * spec.timeout_s)
    except OSError as error:
        return Outcome("failing", message=f"the connection broke: {os_reason(error)}")
    finally:
        writer.transport.abort()
    took_ms = (context.clock.mono_ns() - started_ns) / 1e6
    if not spec.expect:
        return judge(took_ms, "ms", (spec.warn_ms, spec.fail_ms), "accepts connections")
    if spec.expect.encode() not in answer:
        said = one_line(answer[:80].decode(errors="replace"))
        return Outcome("failing", took_ms, "ms", f"it said {said!r}" if said else "it said nothing")
    return judge(took_ms, "ms", (spec.warn_ms, spec.fail_ms), "answers as expected")


async def _connect(
    spec: TcpCheck, context: CheckContext
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    found = await context.resolver.resolve(spec.host, spec.port)
    for address in found[:-1]:
        try:
            async with asyncio.timeout(spec.timeout_s / len(found)):
                return await asyncio.open_connection(address.host, address.port)
        except OSError:
            continue  # the last one's error is told
    return await asyncio.open_connection(found[-1].host, found[-1].port)


async def _answer(reader: asyncio.StreamReader, expected: bytes, within_s: float) -> bytes:
    """What comes until ``expected`` is in it, the end, or as much as is read.

    Once something has come, it returns after ``within_s`` at the latest.
    """
    answer = b""
    until_s = asyncio.get_running_loop().time() + within_s
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(None) as limit:
            while expected not in answer and len(answer) < _MAX_ANSWER_BYTES:
                chunk = await reader.read(_MAX_ANSWER_BYTES - len(answer))
                if not chunk:
                    break
                answer += chunk
                limit.reschedule(until_s)
    return answer
