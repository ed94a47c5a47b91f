"""Requests and spans while they run, through the public calls."""

import asyncio
import threading
from typing import Any

import pytest

import llmmon
from llmmon.protocol.event import MAX_TEXT
from llmmon.testing import capture_events


def test_track_nested_operations_share_a_trace_and_name_their_parents() -> None:
    with (
        capture_events() as events,
        llmmon.track("invoke_agent") as outer,
        outer.span("plan") as plan,
        llmmon.track("chat", model="m") as inner,
        inner.span("tool"),
    ):
        assert llmmon.current() is not inner
    chat, agent = events.requests
    tool, planned = events.spans
    assert (chat["id"], agent["id"]) == (inner.id, outer.id)
    assert {row["trace_id"] for row in (chat, agent, tool, planned)} == {outer.id}
    assert "parent_id" not in agent
    assert planned["parent_id"] == outer.id
    assert chat["parent_id"] == plan.id == planned["id"]
    assert tool["parent_id"] == chat["id"]
    assert (planned["name"], tool["name"]) == ("plan", "tool")
    assert planned["duration_ms"] >= chat["latency_ms"] >= tool["duration_ms"] > 0


def test_track_nested_operations_leave_the_context_as_they_found_it() -> None:
    assert llmmon.current() is None
    with capture_events(), llmmon.track("a") as a:
        assert llmmon.current() is a
        with pytest.raises(ZeroDivisionError), llmmon.track("b"):
            raise ZeroDivisionError
        assert llmmon.current() is a
    assert llmmon.current() is None


def test_track_nested_operations_in_tasks_belong_to_the_task_that_began_them() -> None:
    async def one(name: str) -> str:
        async with llmmon.track(name) as request:
            await asyncio.sleep(0)
            async with llmmon.track("inner") as inner, inner.span("step"):
                await asyncio.sleep(0)
            assert inner.parent_id == request.id
            return request.id

    async def main() -> list[str]:
        async with llmmon.track("root"):
            return await asyncio.gather(*(one(f"task {n}") for n in range(3)))

    with capture_events() as events:
        parents = asyncio.run(main())
    root = next(row for row in events.requests if row["operation"] == "root")
    assert {row["trace_id"] for row in events.requests} == {root["id"]}
    inner = [row["parent_id"] for row in events.requests if row["operation"] == "inner"]
    assert sorted(inner) == sorted(parents)


def test_a_request_with_nothing_inside_has_no_trace() -> None:
    with capture_events() as events, llmmon.track("chat"):
        pass
    assert not {"trace_id", "parent_id"} & set(events.requests[0])


def test_ids_from_elsewhere_are_taken_over() -> None:
    with capture_events() as events:
        request = llmmon.track("chat", request_id="r-9", trace_id="t-9", parent_id="p-9")
        assert request.id == "r-9"
        request.finish()
    (row,) = events.requests
    assert (row["id"], row["trace_id"], row["parent_id"]) == ("r-9", "t-9", "p-9")


def test_dimensions_usage_outcome_and_tags_arrive() -> None:
    with capture_events() as events:
        with llmmon.track(
            "chat",
            provider="openai",
            model="gpt-4o",
            route="/ask",
            user_id="u",
            session_id="s",
            prompt_version="7",
            tags={"tenant": "acme", "tier": 2},
        ) as request:
            request.usage(812, 164, cached_tokens=512, reasoning_tokens=64, cost_usd=0.25)
            request.outcome("stop", status_code=200, retries=1, response_model="gpt-4o-2024")
            request.tag("region", "eu")
            request.score("thumbs_up", 1.0)
        (row,), (score,) = events.requests, events.scores
    assert row["tags"] == {"tenant": "acme", "tier": "2", "region": "eu"}
    expected = {
        "operation": "chat",
        "provider": "openai",
        "model": "gpt-4o",
        "response_model": "gpt-4o-2024",
        "route": "/ask",
        "user_id": "u",
        "session_id": "s",
        "prompt_version": "7",
        "input_tokens": 812,
        "output_tokens": 164,
        "cached_tokens": 512,
        "reasoning_tokens": 64,
        "cost_usd": 0.25,
        "finish_reason": "stop",
        "status_code": 200,
        "retries": 1,
    }
    assert {name: row[name] for name in expected} == expected
    assert score["request_id"] == row["id"]


def test_a_later_usage_adds_to_an_earlier_one() -> None:
    with capture_events() as events, llmmon.track() as request:
        request.usage(input_tokens=10, cached_tokens=4)
        request.usage(output_tokens=5)
    (row,) = events.requests
    assert (row["input_tokens"], row["output_tokens"], row["cached_tokens"]) == (10, 5, 4)


def test_cached_tokens_are_added_where_the_provider_leaves_them_out() -> None:
    with capture_events() as events, llmmon.track() as request:
        request.usage(3, 5, cached_tokens=100, cache_write_tokens=20, includes_cached=False)
    (row,) = events.requests
    assert (row["input_tokens"], row["cached_tokens"], row["cache_write_tokens"]) == (123, 100, 20)


def test_chunks_mark_the_first_token_and_the_longest_gap() -> None:
    pause = threading.Event()
    with capture_events() as events, llmmon.track() as request:
        request.chunk()
        pause.wait(0.03)
        request.chunk()
        request.chunk()
    (row,) = events.requests
    assert row["stream"] == 1
    assert row["ttft_ms"] + row["max_gap_ms"] <= row["latency_ms"]
    assert row["max_gap_ms"] >= 30


def test_an_exception_is_recorded_by_type_and_passes_untouched() -> None:
    error = ConnectionResetError("secret detail")
    with capture_events() as events:
        with (
            pytest.raises(ConnectionResetError) as caught,
            llmmon.track() as request,
            request.span("call"),
        ):
            raise error
        assert caught.value is error
    assert events.requests[0]["error"] == events.spans[0]["error"] == "ConnectionResetError"
    assert "secret detail" not in str(events.requests)


@pytest.mark.parametrize("given", [TimeoutError(), TimeoutError, "TimeoutError"])
def test_an_error_that_was_handled_can_be_told(given: Any) -> None:
    with capture_events() as events, llmmon.track() as request:
        request.error = given
        assert request.error == "TimeoutError"
    assert events.requests[0]["error"] == "TimeoutError"


def test_finish_ends_a_request_once() -> None:
    with capture_events() as events:
        request = llmmon.track("chat")
        request.finish()
        request.finish()
        with llmmon.track("chat") as other:
            other.finish()
    assert len(events.requests) == 2


def test_a_cancelled_task_is_recorded() -> None:
    async def hang() -> None:
        with llmmon.track("chat"):
            await asyncio.Event().wait()

    async def main() -> None:
        task = asyncio.ensure_future(hang())
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    with capture_events() as events:
        asyncio.run(main())
    assert events.requests[0]["error"] == "CancelledError"


def test_content_is_scored_and_stays_in_the_process() -> None:
    with capture_events() as events, llmmon.track() as request:
        request.content(
            query=[{"role": "user", "content": "What is the capital of France?"}],
            response="The capital of France is Paris.",
            context=["France is a country. Its capital is Paris."],
        )
    (row,) = events.requests
    assert 0.5 < row["relevance"] <= 1.0
    assert row["score_sample"] == 1.0
    assert not {"query", "response", "context"} & set(row)
    assert "Paris" not in str(row)


def test_captured_content_is_redacted() -> None:
    llmmon.init(service="s", capture_content=True, handle_sigterm=False)
    try:
        with capture_events() as events, llmmon.track() as request:
            request.content(query="my key is sk-abcdefghijklmnopqrstuvwx", response="Noted.")
    finally:
        llmmon.init(service="s", capture_content=False, handle_sigterm=False)
    (row,) = events.requests
    assert row["query"] == "my key is [REDACTED]"
    assert row["response"] == "Noted."


def test_messages_are_scored_as_they_were_when_given() -> None:
    question = {"role": "user", "content": "What is the capital of France?"}
    messages = [question]
    llmmon.init(service="s", capture_content=True, handle_sigterm=False)
    try:
        with capture_events() as events:
            with llmmon.track() as request:
                request.content(query=messages, response="Paris.")
            messages.append({"role": "assistant", "content": "Paris."})
    finally:
        llmmon.init(service="s", capture_content=False, handle_sigterm=False)
    assert events.requests[0]["query"] == question["content"]


def test_a_secret_where_a_long_text_is_cut_does_not_leave_in_part() -> None:
    secret = "sk-abcdefghijklmnopqrstuvwxyz0123456789"
    text = "x " * ((MAX_TEXT - 30) // 2) + secret + " y" * MAX_TEXT
    llmmon.init(service="s", capture_content=True, handle_sigterm=False)
    try:
        with capture_events() as events, llmmon.track() as request:
            request.content(query=text)
    finally:
        llmmon.init(service="s", capture_content=False, handle_sigterm=False)
    assert "sk-" not in events.requests[0]["query"]
    assert len(events.requests[0]["query"]) <= MAX_TEXT
