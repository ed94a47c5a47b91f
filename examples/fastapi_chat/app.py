"""A chat service that streams from any OpenAI-compatible endpoint and is watched by llmmon.

    pip install llmmon fastapi uvicorn httpx
    OPENAI_BASE_URL=http://127.0.0.1:8000/v1 OPENAI_API_KEY=... MODEL=gpt-4o-mini \
        uvicorn app:app --port 8080
    curl -N -X POST 127.0.0.1:8080/chat -H 'content-type: application/json' \
        -d '{"message": "What is a sketch?", "user_id": "ann"}'
"""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

import llmmon

MODEL = os.environ.get("MODEL", "gpt-4o-mini")
PROVIDER = os.environ.get("PROVIDER", "openai")


class Question(BaseModel):
    """The body of ``POST /chat``."""

    message: str
    user_id: str | None = None


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """One HTTP client and one llmmon agent for the life of the process."""
    llmmon.init(service="fastapi-chat")
    base_url = os.environ.get("OPENAI_BASE_URL", "https://api.openai.com/v1")
    headers = {"Authorization": f"Bearer {os.environ.get('OPENAI_API_KEY', '')}"}
    async with httpx.AsyncClient(base_url=base_url, headers=headers, timeout=60) as client:
        app.state.client = client
        yield
    llmmon.shutdown()


app = FastAPI(lifespan=lifespan)


@app.post("/chat")
async def chat(question: Question, request: Request) -> StreamingResponse:
    """Stream the answer as plain text; 502 when the provider refuses."""
    pieces = answer(request.app.state.client, question)
    try:
        first = await anext(pieces, "")
    except httpx.HTTPError as error:
        raise HTTPException(502, f"provider: {type(error).__name__}") from error
    return StreamingResponse(with_first(first, pieces), media_type="text/plain")


async def answer(client: httpx.AsyncClient, question: Question) -> AsyncIterator[str]:
    """The answer in pieces, recorded as one request: an exception is recorded and goes on up."""
    body = {
        "model": MODEL,
        "messages": [{"role": "user", "content": question.message}],
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    with llmmon.track(
        "chat", provider=PROVIDER, model=MODEL, route="/chat", user_id=question.user_id
    ) as req:
        text: list[str] = []
        async with client.stream("POST", "/chat/completions", json=body) as response:
            req.outcome(status_code=response.status_code)
            response.raise_for_status()
            async for event in events(response):
                note(req, event)
                for piece in pieces_of(event):
                    req.chunk()
                    text.append(piece)
                    yield piece
        req.content(query=question.message, response="".join(text))


async def events(response: httpx.Response) -> AsyncIterator[dict[str, Any]]:
    """The JSON events of a server-sent stream, up to its ``[DONE]``."""
    async for line in response.aiter_lines():
        data = line.removeprefix("data:").strip()
        if line.startswith("data:") and data != "[DONE]":
            yield json.loads(data)


def note(req: llmmon.Request, event: dict[str, Any]) -> None:
    """Take down what an event says of the whole request: model, end, tokens."""
    req.outcome(response_model=event.get("model"))
    for choice in event.get("choices") or []:
        req.outcome(finish_reason=choice.get("finish_reason"))
    if usage := event.get("usage"):
        details = usage.get("prompt_tokens_details") or {}
        req.usage(
            input_tokens=usage.get("prompt_tokens"),
            output_tokens=usage.get("completion_tokens"),
            cached_tokens=details.get("cached_tokens"),
        )


def pieces_of(event: dict[str, Any]) -> list[str]:
    """The text that an event adds to the answer."""
    deltas = [choice.get("delta") or {} for choice in event.get("choices") or []]
    return [delta["content"] for delta in deltas if delta.get("content")]


async def with_first(first: str, rest: AsyncIterator[str]) -> AsyncIterator[str]:
    """``first``, then ``rest``."""
    yield first
    async for piece in rest:
        yield piece
