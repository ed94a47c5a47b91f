"""``record`` and ``recorder``, and that nothing a caller passes ever raises."""

import uuid
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

import llmmon
from llmmon.testing import capture_events


class Hostile:
    """Raises wherever it is touched."""

    def __str__(self) -> str:
        raise RuntimeError

    __repr__ = __str__

    def __bool__(self) -> bool:
        raise RuntimeError

    def __eq__(self, other: object) -> bool:
        raise RuntimeError

    def __hash__(self) -> int:
        raise RuntimeError

    def __float__(self) -> float:
        raise RuntimeError

    def __len__(self) -> int:
        raise RuntimeError


ANYTHING = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=400),
    st.binary(max_size=9),
    st.just("\ud800 lone"),
    st.builds(Hostile),
    st.builds(object),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.one_of(st.text(), st.integers(), st.none()), st.text(), max_size=3),
)
RECORD = (
    *("operation", "latency_ms", "provider", "model", "route", "ttft_ms", "input_tokens"),
    *("output_tokens", "cached_tokens", "cost_usd", "error", "user_id", "scores", "tags", "extra"),
)


def test_record_takes_everything_in_one_call() -> None:
    with capture_events() as events:
        request_id = llmmon.record(
            "chat",
            model="m",
            latency_ms=1234.5,
            ttft_ms=100.0,
            input_tokens=7,
            output_tokens=8,
            cost_usd=0.000_001,
            error=ValueError("detail"),
            scores={"relevance": 0.5, "helpfulness": 4.0},
            tags={"a": "b"},
            extra={"start_ns": 5, "session_id": "s", "status_code": 500, "colour": "red"},
        )
        (row,), (score,) = events.requests, events.scores
    assert row["id"] == request_id == score["request_id"]
    expected = {
        "model": "m",
        "latency_ms": 1234.5,
        "ttft_ms": 100.0,
        "input_tokens": 7,
        "cost_pico_usd": 1_000_000,
        "error": "ValueError",
        "relevance": 0.5,
        "start_ns": 5,
        "session_id": "s",
        "status_code": 500,
        "tags": {"a": "b", "colour": "red"},
    }
    assert {name: row[name] for name in expected} == expected
    assert (score["name"], score["value"]) == ("helpfulness", 4.0)


def test_record_inside_a_tracked_request_or_span_joins_its_trace() -> None:
    with capture_events() as events:
        with llmmon.track("agent") as outer:
            inside = llmmon.record("chat", tags={"a": "b"})
            with outer.span("step") as step:
                llmmon.record("chat")
            llmmon.record("chat", extra={"trace_id": "theirs"})
            llmmon.record("chat", extra={"parent_id": "theirs"})
        llmmon.record("chat")
        rows = [row for row in events.requests if row["operation"] == "chat"]
    assert rows[0]["id"] == inside
    assert [(row.get("trace_id"), row.get("parent_id")) for row in rows] == [
        (outer.id, outer.id),
        (outer.id, step.id),
        ("theirs", None),
        (None, "theirs"),
        (None, None),
    ]


def test_the_caller_can_go_on_using_his_maps() -> None:
    tags = {"a": "1"}
    with capture_events() as events:
        llmmon.record(tags=tags)
        tags["a"] = "2"
        assert events.requests[0]["tags"] == {"a": "1"}


def test_recorder_binds_dimensions() -> None:
    with capture_events() as events:
        recorder = llmmon.recorder("embeddings", provider="p", model="m", route="/r")
        recorder(10.0, 5)
        recorder(20.0, 6, 7, 1, 2.0, error="E", user_id="u", session_id="s", cost_usd=0.5)
        recorder(30.0, extra={"relevance": 0.25, "hue": "red"})
    first, second, third = events.requests
    assert (first["provider"], first["model"], first["route"]) == ("p", "m", "/r")
    assert (second["output_tokens"], second["cached_tokens"], second["ttft_ms"]) == (7, 1, 2.0)
    assert (second["error"], second["user_id"], second["cost_usd"]) == ("E", "u", 0.5)
    assert (third["relevance"], third["tags"]) == (0.25, {"hue": "red"})
    assert first["id"] < second["id"] < third["id"]


def test_nonsense_is_left_out_and_the_rest_is_kept() -> None:
    with capture_events() as events:
        llmmon.record(
            latency_ms=float("nan"),
            ttft_ms=-1.0,
            input_tokens=-5,
            output_tokens=2**40,
            cost_usd=-1.0,
        )
        floats: Any = {"input_tokens": 12.0, "output_tokens": 1.5}
        llmmon.record(latency_ms=float("inf"), **floats)
    first, second = events.requests
    nonsense = {"latency_ms", "ttft_ms", "input_tokens", "output_tokens", "cost_pico_usd"}
    assert not nonsense & set(first)
    assert second["input_tokens"] == 12
    assert not {"latency_ms", "output_tokens"} & set(second)


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(RECORD, ANYTHING)))
@settings(max_examples=150, deadline=None)
def test_record_never_raises_and_loses_no_other_event(arguments: dict[str, Any]) -> None:
    with capture_events() as events:
        llmmon.record("before")
        llmmon.record(**arguments)
        llmmon.record("after")
    operations = [row.get("operation") for row in events.requests]
    assert operations[0] == "before"
    assert operations[-1] == "after"
    assert len(events.requests) + events.unencodable >= 3


@given(ANYTHING, ANYTHING, ANYTHING)
@settings(max_examples=150, deadline=None)
def test_no_method_of_a_request_raises(a: Any, b: Any, c: Any) -> None:
    with capture_events() as events:
        with llmmon.track(a, model=b, tags=c, request_id=a, trace_id=b, parent_id=c) as request:
            request.usage(a, b, cached_tokens=c, includes_cached=False)
            request.usage(b, c, cost_usd=a)
            request.content(query=a, response=b, context=c, expected_format=a)
            request.outcome(a, status_code=b, retries=c, response_model=a)
            request.tag(a, b)
            request.error = a
            request.score(a, b)
            with request.span(c) as span:
                span.tag(b, c)
                span.error = a
        llmmon.score(a, b, c)
        llmmon.record("after")
    assert events.requests[-1]["operation"] == "after"


def test_an_exception_is_told_by_its_type_however_it_comes() -> None:
    error: Any = ValueError("secret detail")
    with capture_events() as events:
        llmmon.recorder("chat")(1.0, error=error)
        llmmon.recorder("chat")(1.0, error="TimeoutError")
        llmmon.record(extra={"error": error})
    assert [row["error"] for row in events.requests] == ["ValueError", "TimeoutError", "ValueError"]


def test_an_id_of_any_type_is_the_one_that_scores_refer_to() -> None:
    own: Any = uuid.UUID(int=7)
    with capture_events() as events:
        told = llmmon.record(extra={"id": 5})
        with llmmon.track(request_id=own, trace_id=own, parent_id=own) as request:
            pass
        hostile: Any = Hostile()
        llmmon.track(request_id=hostile).finish()
    first, second, third = events.requests
    assert first["id"] == told == "5"
    assert second["id"] == second["trace_id"] == second["parent_id"] == request.id == str(own)
    assert third["id"]


def test_a_dimension_that_cannot_be_used_costs_itself_alone() -> None:
    bad: list[Any] = [["gpt-4o"], Hostile(), {"a": 1}]
    with capture_events() as events:
        for model in bad:
            llmmon.record("chat", model=model, latency_ms=1.0)
            llmmon.recorder("chat", provider="p", model=model)(2.0)
    assert events.unencodable == 0
    assert [row["operation"] for row in events.requests] == ["chat"] * 6
    assert [row.get("model") for row in events.requests][::2] == ["['gpt-4o']", None, "{'a': 1}"]


def test_an_error_can_be_a_yes_or_a_no() -> None:
    errors: list[Any] = [True, False]
    with capture_events() as events:
        for error in errors:
            llmmon.record(error=error)
            llmmon.recorder("chat")(1.0, error=error)
    assert [row.get("error") for row in events.requests] == ["error", "error", None, None]
