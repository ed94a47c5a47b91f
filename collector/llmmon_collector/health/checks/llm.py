"""An OpenAI-compatible API: cheaply by its model list, or by one streamed token."""

from __future__ import annotations

from typing import Any, Final

import aiohttp

from llmmon_collector.health.checks.chat import document_of, error_in
from llmmon_collector.health.checks.client import open_session, read_at_most
from llmmon_collector.health.checks.firsttoken import time_first_token
from llmmon_collector.health.context import CheckContext
from llmmon_collector.health.model import LlmCheck
from llmmon_collector.health.outcome import Outcome, judge
from llmmon_collector.outbound.trouble import connection_trouble
from llmmon_collector.secret import read_secret

_MAX_MODELS_BYTES: Final = 4 * 2**20
_MAX_ERROR_BYTES: Final = 64 * 2**10
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
        async with open_session(context, headers) as session:
            probe = _one_token if spec.active else _model_list
            return await probe(spec, session, context)
    except aiohttp.ClientError as error:
        return Outcome("failing", message=connection_trouble(error))


async def _model_list(
    spec: LlmCheck, session: aiohttp.ClientSession, context: CheckContext
) -> Outcome:
    started_ns = context.clock.mono_ns()
    async with session.get(_at(spec, "models"), allow_redirects=False) as answer:
        if not _is_fine(answer):
            return await _refusal(answer)
        body = await read_at_most(answer, _MAX_MODELS_BYTES)
    took_ms = (context.clock.mono_ns() - started_ns) / 1e6
    document = document_of(body)
    if error := error_in(document):
        return Outcome("failing", took_ms, "ms", error)
    names = _model_names(document.get("data"))
    if names is None:
        return Outcome("degraded", took_ms, "ms", "the model list is not in OpenAI's form")
    if spec.model is not None and spec.model not in names:
        return Outcome("degraded", took_ms, "ms", f"{spec.model} is not among {len(names)} models")
    return judge(took_ms, "ms", (spec.warn_ms, spec.fail_ms), f"{len(names)} models")


async def _one_token(
    spec: LlmCheck, session: aiohttp.ClientSession, context: CheckContext
) -> Outcome:
    outcome = Outcome("failing")
    for limit in ("max_tokens", "max_completion_tokens"):
        question = {
            "model": spec.model,
            "messages": [{"role": "user", "content": "ping"}],
            limit: 1,
            "stream": True,
        }
        url, started_ns = _at(spec, "chat/completions"), context.clock.mono_ns()
        async with session.post(url, json=question, allow_redirects=False) as answer:
            if _is_fine(answer):
                return await time_first_token(spec, answer, context.clock, started_ns)
            outcome = await _refusal(answer)
        if "max_completion_tokens" not in outcome.message:  # what newer models want it called
            break
    return outcome


def _at(spec: LlmCheck, path: str) -> str:
    return f"{spec.url.rstrip('/')}/{path}"


def _is_fine(answer: aiohttp.ClientResponse) -> bool:
    return 200 <= answer.status < 300


async def _refusal(answer: aiohttp.ClientResponse) -> Outcome:
    if (known := _REFUSALS.get(answer.status)) is not None:
        return known
    reason = error_in(document_of(await read_at_most(answer, _MAX_ERROR_BYTES)))
    told = f"HTTP status {answer.status}"
    return Outcome("failing", message=f"{told}: {reason}" if reason else told)


def _model_names(models: Any) -> set[str] | None:
    if not isinstance(models, list):
        return None
    names = [model.get("id") for model in models if isinstance(model, dict)]
    return {str(name) for name in names} if len(names) == len(models) else None
