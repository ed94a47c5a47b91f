"""Money and scores in a store in memory, to answer ``query``: real SQL over known rows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal
from typing import Any, Final

import duckdb

from llmmon_collector.store.schema import ddl
from llmmon_tui.model import Picture
from llmmon_tui.questions import Answer, Question
from support.viewer_peer import Refusal, ViewerPeer

AT: Final = "TIMESTAMP '2026-11-24 06:00:00'"
"""``snapshots.AT_NS``."""
_MODELS: Final = """
    (VALUES (0, 'openai', 'gpt-4o', 2000000000), (1, 'anthropic', 'claude-sonnet-4-5', 3000000000),
            (2, 'deepseek', 'deepseek-chat', 100000000), (3, 'together', 'llama-2-70b-chat', NULL))
    AS models (place, provider, model, pico)
"""
_FILL: Final = f"""
    INSERT INTO requests BY NAME
    SELECT 'stored-' || label || n AS id, {AT} - to_microseconds(n * gap_us + 500000) AS time,
           model, provider, 'chat' AS operation, 'bot' AS service, 'prod' AS environment,
           '/ask' AS route, 'user-' || (n % 3) AS user_id, 'v' || (1 + n % 2) AS prompt_version,
           pico AS cost_pico_usd, 1000 AS input_tokens, 200 AS output_tokens,
           250 AS cached_tokens, 900.0 AS latency_ms,
           CASE WHEN n % 3 < 2 THEN 0.05 + 0.9 * ((n * 7) % 20) / 20 END AS quality_score,
           CASE WHEN n % 3 < 2 THEN 0.8 END AS relevance,
           CASE WHEN n % 3 < 2 THEN (n % 25 = 0)::INTEGER::FLOAT END AS refusal
    FROM (SELECT 'dense-' AS label, 1000000 AS gap_us, unnest(range(600)) AS n
          UNION ALL
          SELECT 'days-', 600000000, unnest(range(1, 24 * 6 * $1)))
    JOIN {_MODELS} ON place = n % 4
"""
_ROLL_UP: Final = """
    INSERT INTO rollups BY NAME
    SELECT time_bucket(INTERVAL '1 minute', time) AS time, coalesce(service, '') AS service,
           coalesce(environment, '') AS environment, coalesce(operation, '') AS operation,
           coalesce(provider, '') AS provider, coalesce(model, '') AS model,
           coalesce(route, '') AS route, count(*) AS requests, count(cost_pico_usd) AS priced,
           count(*) - count(cost_pico_usd) AS unpriced,
           coalesce(sum(cost_pico_usd), 0) AS cost_pico_usd,
           count(quality_score) AS quality_n,
           coalesce(sum(round(quality_score * 1000000)), 0)::BIGINT AS quality,
           count(relevance) AS relevance_n,
           coalesce(sum(round(relevance * 1000000)), 0)::BIGINT AS relevance,
           count(refusal) AS judged, count(*) FILTER (WHERE refusal > 0.5) AS refused,
           count(*) FILTER (WHERE fifth = 0) AS quality_bucket_0,
           count(*) FILTER (WHERE fifth = 1) AS quality_bucket_1,
           count(*) FILTER (WHERE fifth = 2) AS quality_bucket_2,
           count(*) FILTER (WHERE fifth = 3) AS quality_bucket_3,
           count(*) FILTER (WHERE fifth = 4) AS quality_bucket_4
    FROM (SELECT *, floor(quality_score * 5) AS fifth FROM requests)
    GROUP BY ALL
"""


class MoneyStore:
    """Ten minutes with a request a second, and one every ten minutes for ``days`` before.

    Every fourth one is of a model without a price, every third one without a score. It ends at
    ``snapshots.AT_NS``; ``days=0`` leaves it empty.
    """

    def __init__(self, days: int = 9) -> None:
        self._store = duckdb.connect()
        for statement in ddl():
            self._store.execute(statement.replace(" NOT NULL", ""))
        if days:
            self._store.execute(_FILL, [days])
            self._store.execute(_ROLL_UP)

    def execute(self, sql: str) -> list[tuple[Any, ...]]:
        """Change or read it."""
        return self._store.execute(sql).fetchall()

    def query(self, params: dict[str, Any]) -> dict[str, Any]:
        """The answer to ``query``, as a collector tells it."""
        try:
            cursor = self._store.execute(params["sql"])
        except duckdb.Error as error:
            raise Refusal("bad_request", str(error)) from None
        columns = [column[0] for column in cursor.description or ()]
        rows = cursor.fetchmany(params["limit"] + 1)
        told = [[_told(value) for value in row] for row in rows[: params["limit"]]]
        return {"columns": columns, "rows": told, "truncated": len(rows) > params["limit"]}


def answered(picture: Picture, questions: Iterable[Question], store: MoneyStore) -> Picture:
    """``picture`` with the answers of ``store``."""
    told = {
        one.name: Answer(one.parse(store.query(dict(one.params))), "", picture.now_ns)
        for one in questions
    }
    return replace(picture, answers={**picture.answers, **told})


def serve_money(peer: ViewerPeer, store: MoneyStore | None = None) -> MoneyStore:
    """Let ``peer`` answer ``query`` from a store."""
    kept = store or MoneyStore()
    peer.answers["query"] = kept.query
    return kept


def _told(value: Any) -> Any:
    return float(value) if isinstance(value, Decimal) else value
