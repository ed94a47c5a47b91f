"""An OpenAI-compatible API: cheaply by its model list, or by one streamed token."""

from __future__ import annotations

from typing import Any, Final

import aiohttp
import orjson

from llmmon_collector.health.checks.http import connection_trouble
from llmmon_collector.health.context import CheckContext
from llmmon_collector.health.model import LlmCheck
from llmmon_collector.health.outcome import Outcome, judge
from llmmon_collector.secret import read_secret

_DATA: Final = b"data:"
_MAX_MODELS_BYTES: Final = 4 * 2**20
_REFUSALS: Final = {
    401: Outcome("failing", message="the API key is refused (HTTP status 401)"),
    403: Outcome("failing", message="the API key may not do this (HTTP status 403)"),
    429: Outcome("degraded", message="rate limited (HTTP status 429)"),
}


async def check(spec: LlmCheck, context: CheckContext) -> Outcome:
    """Milliseconds to the model list, or with ``active`` to the first token."""
    headers = {}
    if spec.api_key is not None:
        headers["Authorization"] = f"Bearer {read_secret(spec.api_key, context.environ)}"
    try:
        async with aiohttp.ClientSession(headers=headers, trust_env=False) as session:
            probe = _first_token if spec.active else _model_list
            return await probe(spec, session, context)
    except aiohttp.ClientError as error:
        return Outcome("failing", message=connection_trouble(error))


async def _model_list(
    spec: LlmCheck, session: aiohttp.ClientSession, context: CheckContext
) -> Outcome:
    started_ns = context.clock.mono_ns()
    async with session.get(_at(spec, "models"), allow_redirects=False) as answer:
        if (refusal := _refusal(answer.status)) is not None:
            return refusal
        body = b""
        while chunk := await answer.content.read(_MAX_MODELS_BYTES - len(body)):
            body += chunk
    took_ms = (context.clock.mono_ns() - started_ns) / 1e6
    names = _model_names(body)
    if names is None:
        return Outcome("degraded", took_ms, "ms", "the model list is not in OpenAI's form")
    if spec.model is not None and spec.model not in names:
        return Outcome("degraded", took_ms, "ms", f"{spec.model} is not among {len(names)} models")
    return judge(took_ms, "ms", (spec.warn_ms, spec.fail_ms), f"{len(names)} models")


async def _first_token(
    spec: LlmCheck, session: aiohttp.ClientSession, context: CheckContext
) -> Outcome:
    question = {
        "model": spec.model,
        "messages": [{"role": "user", "content": "ping"}],
        "max_tokens": 1,
        "stream": True,
    }
    started_ns = context.clock.mono_ns()
    async with session.post(
        _at(spec, "chat/completions"), json=question, allow_redirects=False
    ) as answer:
        if (refusal := _refusal(answer.status)) is not None:
            return refusal
        async for line in answer.content:
            if _has_choice(line):
                ttft_ms = (context.clock.mono_ns() - started_ns) / 1e6
                limits = (spec.warn_ms, spec.fail_ms)
                return judge(ttft_ms, "ms", limits, "time to first token")
    return Outcome("failing", message="the stream ended without a token")


def _at(spec: LlmCheck, path: str) -> str:
    return f"{spec.url.rstrip('/')}/{path}"


def _refusal(status: int) -> Outcome | None:
    if 200 <= status < 300:
        return None
    return _REFUSALS.get(status, Outcome("failing", message=f"HTTP status {status}"))


def _model_names(body: bytes) -> set[str] | None:
    try:
        models: Any = orjson.loads(body)["data"]
        return {str(model["id"]) for model in models}
    except (ValueError, KeyError, TypeError):
        return None


def _has_choice(line: bytes) -> bool:
    if not line.startswith(_DATA):
        return False
    try:
        chunk: Any = orjson.loads(line.removeprefix(_DATA))
    except ValueError:
        return False
    return isinstance(chunk, dict) and bool(chunk.get("choices"))
