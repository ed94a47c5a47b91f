"""A real store for the screens' questions: their SQL runs, over events of a day that are fixed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from llmmon.protocol.event import Kind
from llmmon_collector.control.records import as_rows, plain, recent_requests, trace_queries
from llmmon_collector.journal import Cursor
from llmmon_collector.pricing.book import PriceBook
from llmmon_collector.store.base import QueryError, QueryResult
from llmmon_collector.store.duck import DuckStore
from support.batches import body, committed, series
from support.snapshots import AT_NS
from support.viewer_peer import Refusal, ViewerPeer

MINUTE_NS: Final = 60 * 10**9
MODELS: Final = (
    ("openai", "gpt-4o"),
    ("anthropic", "claude-sonnet-4-5"),
    ("deepseek", "deepseek-chat"),
    ("together", "llama-2-70b-chat"),
)
_UNPRICED: Final = 3
_LEVELS: Final = ("INFO", "INFO", "WARNING", "INFO", "ERROR")
_MESSAGES: Final = (
    "answered from the cache",
    "3 documents found",
    "retrieval took 1.9 s",
    "session begins",
    "tool search failed: TimeoutError",
)
Keys = Sequence[tuple[str, str]]


@contextmanager
def viewer_store(path: Path, models: Keys = MODELS, minutes: int = 26 * 60) -> Iterator[DuckStore]:
    """A store with a request every ten minutes of each model, and three a minute in the last ten.

    The newest request ends two seconds before ``AT_NS``.
    """
    store = DuckStore(path, PriceBook(), memory_limit_mb=256)
    keys = [
        series(service="shop", environment="production", provider=provider, model=model, route="/a")
        for provider, model in models
    ]
    requests = list(_requests(len(models), minutes))
    others = {
        Kind.SPAN: [_span(one, place) for one in requests[-40:] for place in range(2)],
        Kind.LOG: [_log(one, place) for place, one in enumerate(requests[-60:])],
    }
    if requests:
        store.fold([committed(body(requests, keys=keys, others=others))], Cursor(1, 8))
    yield store
    store.close()


def answer_from(peer: ViewerPeer, store: DuckStore) -> None:
    """Let ``peer`` answer what the store is asked for."""

    def ask(sql: str, limit: int, timeout_s: float = 10.0) -> QueryResult:
        try:
            return store.query(sql, limit, timeout_s)
        except QueryError as error:
            raise Refusal(error.code, error.reason) from error

    def query(params: dict[str, Any]) -> dict[str, Any]:
        result = ask(params["sql"], params.get("limit", 10_000))
        rows = [[plain(value) for value in row] for row in result.rows]
        return {"columns": result.columns, "rows": rows, "truncated": result.truncated}

    def requests(params: dict[str, Any]) -> list[dict[str, Any]]:
        where: Mapping[str, str] = params.get("where") or {}
        sql = recent_requests(params["limit"], params["only"], where.items(), params["since_ns"])
        result = ask(sql, params["limit"])
        return as_rows(result.columns, result.rows)

    def trace(params: dict[str, Any]) -> dict[str, Any]:
        results = {table: ask(sql, 1000) for table, sql in trace_queries(params["id"]).items()}
        return {name: as_rows(one.columns, one.rows) for name, one in results.items()}

    peer.answers |= {"query": query, "requests": requests, "trace": trace}


def _requests(models: int, minutes: int) -> Iterator[dict[str, Any]]:
    """Oldest first."""
    counter = 0
    for minute in range(minutes, 0, -1):
        repeats = 3 if minute <= 10 else int(minute % 10 == 0)
        for place in range(repeats * models):
            at_ns = AT_NS - minute * MINUTE_NS + place * 4 * 10**9 + 10**9
            yield _request(counter, place % models, at_ns)
            counter += 1


def _request(counter: int, model: int, end_ns: int) -> dict[str, Any]:
    latency_ms = 700.0 + 37 * (counter * 7 % 60) + (9000 if counter % 97 == 0 else 0)
    failed = counter % 23 == 0
    return {
        "series": model,
        "counter": counter,
        "start_ns": end_ns - int(latency_ms * 1e6),
        "latency_ms": latency_ms,
        "ttft_ms": None if failed else 180.0 + counter % 40 * 10,
        "stream": 1,
        "user_id": f"user-{counter % 7}",
        "prompt_version": f"v{counter % 2 + 1}",
        "input_tokens": 900 + counter % 500,
        "output_tokens": None if failed else 120 + counter % 90,
        "cached_tokens": 300 if counter % 3 == 0 else 0,
        "cost_pico_usd": None if model == _UNPRICED else 3_100_000_000 * (1 + counter % 3),
        "error": ("RateLimitError", "TimeoutError")[counter % 2] if failed else None,
        "status_code": 429 if failed else 200,
        "relevance": None if counter % 2 else 0.4 + counter % 60 / 100,
        "coherence": None if counter % 2 else 0.5 + counter % 50 / 100,
        "refusal": None if counter % 2 else float(counter % 31 == 0),
    }


def _id(request: Mapping[str, Any]) -> str:
    return f"a1b2-{request['counter']:x}"


def _span(request: Mapping[str, Any], place: int) -> dict[str, Any]:
    return {
        "id": f"span-{request['counter']}-{place}",
        "trace_id": _id(request),
        "parent_id": _id(request),
        "name": ("retrieval", "generation")[place],
        "start_ns": request["start_ns"] + place * 10**8,
        "duration_ms": 120.0 + place * 300,
        "service": "shop",
    }


def _log(request: Mapping[str, Any], place: int) -> dict[str, Any]:
    return {
        "time_ns": request["start_ns"],
        "level": _LEVELS[place % 5],
        "logger": "bot",
        "message": _MESSAGES[place % 5],
        "trace_id": _id(request),
        "request_id": _id(request),
        "service": "shop",
        "environment": "production",
    }
