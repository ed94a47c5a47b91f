from __future__ import annotations

import io

import llmmon
from llmmon.demo.corpus import Measured, Pair
from llmmon.demo.recording import ChatService, record_fields
from llmmon.demo.search import Library
from llmmon.demo.workload import PlannedRequest
from llmmon.testing import capture_events

START_NS = 1_700_000_000 * 10**9
FINE = Measured("groq", "llama", 150, 804.0, 250.0, None, None)
REFUSED = Measured("lepton", "llama", None, None, None, "429", 429)
ASKED = Pair("/chat", "chat", "What is a cat?", "A cat is a small animal that purrs.", None)
SEARCHED = ASKED._replace(route="/search", context="A cat is a small animal.")


def planned(measured: Measured, pair: Pair) -> PlannedRequest:
    return PlannedRequest(1.5, measured, 374, pair, "user-01", "user-01-0")


def a_service() -> tuple[ChatService, io.StringIO]:
    lines = io.StringIO()
    library = Library([SEARCHED.context or ""])
    return ChatService(library, llmmon.get_logger("demo-test", stream=lines)), lines


def test_every_field_of_a_row_arrives() -> None:
    fields = {
        "start_ns": START_NS,
        "latency_ms": 1500.0,
        "ttft_ms": 250.0,
        "input_tokens": 374,
        "output_tokens": 44,
        "cached_tokens": 12,
        "cost_usd": 0.25,
        "operation": "embeddings",
        "provider": "p",
        "model": "m",
        "route": "/r",
        "user_id": "u",
        "session_id": "s",
        "status_code": 200,
        "retries": 2,
        "finish_reason": "stop",
        "relevance": 0.5,
    }
    with capture_events() as events:
        record_fields(fields)
        (request,) = events.requests
    assert {name: request.get(name) for name in fields} == fields


def test_a_row_that_tells_little_is_a_chat_with_nothing_else() -> None:
    with capture_events() as events:
        record_fields({"input_tokens": 5})
        (request,) = events.requests
    assert request["operation"] == "chat"
    assert request["input_tokens"] == 5
    assert request.get("latency_ms") is None
    assert request.get("output_tokens") is None


def test_a_request_is_told_as_it_was_measured_and_its_text_is_scored() -> None:
    service, _ = a_service()
    with capture_events() as events:
        service.end(0, planned(FINE, ASKED), START_NS)
        (request,) = events.requests
    assert request["start_ns"] == START_NS
    assert (request["latency_ms"], request["ttft_ms"]) == (804.0, 250.0)
    assert (request["input_tokens"], request["output_tokens"]) == (374, 150)
    assert (request["provider"], request["route"]) == ("groq", "/chat")
    assert request["relevance"] is not None
    assert request.get("error") is None


def test_a_retrieval_is_searched_timed_and_logged_under_its_request() -> None:
    service, _ = a_service()
    with capture_events() as events:
        service.begin(7, planned(FINE, SEARCHED))
        service.end(7, planned(FINE, SEARCHED), START_NS)
        (request,), (span,), (log,) = events.requests, events.spans, events.logs
    assert span["name"] == "retrieval"
    assert span["duration_ms"] > 0
    assert span["tags"] == {"documents": "1"}
    assert span["parent_id"] == request["id"]
    assert span["trace_id"] == request["trace_id"] == log["trace_id"]


def test_a_failure_has_no_numbers_and_a_log_line() -> None:
    service, lines = a_service()
    with capture_events() as events:
        service.end(0, planned(REFUSED, ASKED), START_NS)
        (request,), (log,) = events.requests, events.logs
    assert (request["error"], request["status_code"]) == ("429", 429)
    assert request.get("latency_ms") is None
    assert request.get("relevance") is None
    assert log["message"] == "call failed"
    assert "lepton" in lines.getvalue()
