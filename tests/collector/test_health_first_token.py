"""Timing the first token: over a real socket, by a clock that the server moves."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from llmmon_collector.clock import ManualClock
from llmmon_collector.health.checks import llm
from llmmon_collector.health.context import CheckContext
from llmmon_collector.health.model import LlmCheck
from llmmon_collector.health.outcome import Outcome

Answer = Callable[["Api", web.Request], Awaitable[web.StreamResponse]]
ROLE = {"choices": [{"delta": {"role": "assistant", "content": ""}}]}
TOKEN = {"choices": [{"delta": {"content": "p"}}]}
END = {"choices": [{"delta": {}, "finish_reason": "length"}]}


class Api:
    """An OpenAI-compatible API that answers as a test says."""

    def __init__(self, answer: Answer) -> None:
        self.clock = ManualClock(1_700_000_000_000_000_000)
        self.asked = asyncio.Event()
        """Set when the check has its outcome."""
        self.questions: list[dict[str, Any]] = []
        self._answer = answer

    async def ask(self, **keys: Any) -> Outcome:
        """One active check of it."""
        app = web.Application()
        app.router.add_post("/v1/chat/completions", self._handle)
        async with TestServer(app) as server:
            table = {"name": "x", "type": "llm", "model": "m", "active": True, **keys}
            spec = LlmCheck(url=str(server.make_url("/v1")), **table)
            outcome = await llm.check(spec, CheckContext(clock=self.clock))
            self.asked.set()
        return outcome

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        self.questions.append(await request.json())
        return await self._answer(self, request)

    async def stream(
        self, request: web.Request, *steps: float | str | dict[str, Any]
    ) -> web.StreamResponse:
        """Seconds pass, events and raw text are sent, in this order."""
        answer = web.StreamResponse(headers={"Content-Type": "text/event-stream; charset=utf-8"})
        await answer.prepare(request)
        for step in steps:
            if isinstance(step, float):
                self.clock.advance(step)
            else:
                text = step if isinstance(step, str) else f"data: {json.dumps(step)}\n\n"
                await answer.write(text.encode())
        return answer


def measured(outcome: Outcome) -> dict[str, float]:
    return {one.name: one.value for one in outcome.measurements}


async def test_the_first_token_is_timed_not_the_first_chunk() -> None:
    async def answer(api: Api, request: web.Request) -> web.StreamResponse:
        split = json.dumps(TOKEN)
        steps = (0.1, ROLE, 0.2, ": ping\r\n\r\n", f"data: {split[:9]}", f"{split[9:]}\n\n")
        return await api.stream(request, *steps, TOKEN, END, "data: [DONE]\n\n")

    api = Api(answer)
    outcome = await api.ask()
    assert (outcome.status, outcome.value, outcome.unit) == ("ok", 300.0, "ms")
    assert measured(outcome) == {"ttft_ms": 300.0, "total_ms": 300.0}
    assert api.questions == [
        {
            "model": "m",
            "messages": [{"role": "user", "content": "ping"}],
            "max_tokens": 1,
            "stream": True,
        }
    ]
    assert (await Api(answer).ask(warn_ms=250)).status == "degraded"
    assert (await Api(answer).ask(fail_ms=250)).status == "failing"


async def test_models_that_want_another_limit_are_asked_again() -> None:
    async def answer(api: Api, request: web.Request) -> web.StreamResponse:
        if len(api.questions) == 1:
            api.clock.advance(5.0)
            error = {"message": "use 'max_completion_tokens' instead"}
            return web.json_response({"error": error}, status=400)
        return await api.stream(request, 0.1, TOKEN, END)

    api = Api(answer)
    outcome = await api.ask()
    assert (outcome.status, outcome.value) == ("ok", 100.0)
    assert "max_tokens" not in api.questions[1]
    assert api.questions[1]["max_completion_tokens"] == 1


@pytest.mark.parametrize(
    ("steps", "status", "message"),
    [
        ((TOKEN, {"error": {"message": "out of memory"}}), "failing", "out of memory"),
        (("event: error\ndata: it broke\n\n",), "failing", "it broke"),
        ((ROLE, END), "ok", "answered without visible text"),
        ((ROLE, "data: [DONE]\n\n"), "ok", "answered without visible text"),
        ((ROLE,), "failing", "the stream ended without a token"),
        ((TOKEN,), "degraded", "the stream ended without saying so"),
        (("data: " + "x" * 300_000,), "failing", "an event is larger than 262144 bytes"),
        ((": hold on\n\n" * 200_000,), "failing", "the stream does not end after 1048576 bytes"),
    ],
)
async def test_streams_that_go_wrong(
    steps: tuple[str | dict[str, Any], ...], status: str, message: str
) -> None:
    async def answer(api: Api, request: web.Request) -> web.StreamResponse:
        return await api.stream(request, *steps)

    outcome = await Api(answer).ask()
    assert (outcome.status, outcome.message) == (status, message)


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        ({"error": {"message": "no GPU left"}}, "failing", "no GPU left"),
        ({"choices": [{"message": {"content": "p"}}]}, "degraded", "answers, but does not stream"),
        ({"hello": 1}, "failing", "the answer is neither a stream nor a completion"),
    ],
)
async def test_http_200_without_a_stream(body: Any, status: str, message: str) -> None:
    async def answer(_api: Api, _request: web.Request) -> web.StreamResponse:
        return web.json_response(body)

    outcome = await Api(answer).ask()
    assert outcome.status == status
    assert outcome.message.startswith(message)


async def test_a_refusal_tells_the_servers_reason() -> None:
    async def answer(_api: Api, _request: web.Request) -> web.StreamResponse:
        return web.json_response({"error": {"message": "no such model: m"}}, status=404)

    assert (await Api(answer).ask()).message == "HTTP status 404: no such model: m"


@pytest.mark.parametrize(
    ("steps", "message"),
    [((ROLE,), "no token came in time"), ((TOKEN,), "the stream does not end")],
)
async def test_streams_that_hang_are_told_apart(steps: tuple[Any, ...], message: str) -> None:
    async def answer(api: Api, request: web.Request) -> web.StreamResponse:
        stream = await api.stream(request, *steps)
        await api.asked.wait()
        return stream

    outcome = await Api(answer).ask(timeout=0.5)
    assert (outcome.status, outcome.message) == ("failing", message)
