"""The list prices: what providers' own usage counts cost, to the pico-dollar."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from llmmon.protocol.money import pico_usd
from llmmon_collector.pricing.book import PriceBook
from llmmon_collector.pricing.catalogue import ListPrices
from llmmon_collector.requests import MISSING

DATA = Path(__file__).parent / "data" / "prices" / "usages.jsonl"
TOKENS = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens")


def ns(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 10**9


@pytest.fixture(scope="module")
def listed() -> ListPrices:
    return ListPrices()


@pytest.fixture
def book(listed: ListPrices) -> PriceBook:
    return PriceBook((), listed)


def costs(
    book: PriceBook, models: list[tuple[str | None, str]], usages: list[dict[str, int]], at: str
) -> list[int]:
    codes = np.array([book.code(*model) for model in models], np.int32)
    columns = [np.array([u.get(name, MISSING) for u in usages]) for name in TOKENS]
    return book.cost(codes, np.full(len(codes), ns(at)), columns).tolist()


def test_recorded_usages_cost_what_their_providers_charge(book: PriceBook) -> None:
    rows: list[dict[str, Any]] = [json.loads(line) for line in DATA.read_text().splitlines()]
    found = costs(
        book,
        [(row["provider"], row["model"]) for row in rows],
        [row["usage"] for row in rows],
        "2025-07-09T02:00",
    )
    expected = [pico_usd(Decimal(row["input_usd"]) + Decimal(row["output_usd"])) for row in rows]
    assert found == expected
    assert len(rows) > 30


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        ("openai", "gpt-4o-mini"),
        ("OpenAI", "GPT-4o-mini"),
        (None, "gpt-4o-mini"),
        (None, "openai/gpt-4o-mini"),
        ("azure.ai.openai", "gpt-4o-mini"),
    ],
)
def test_one_model_by_its_many_names(book: PriceBook, provider: str | None, model: str) -> None:
    usage = {"input_tokens": 1_000_000, "output_tokens": 1_000_000}
    assert costs(book, [(provider, model)], [usage], "2026-01-01") == [pico_usd("0.75")]


@pytest.mark.parametrize("provider", ["x_ai", "gcp.gen_ai", "gcp.vertex_ai", "aws.bedrock"])
def test_opentelemetry_provider_names_are_known(listed: ListPrices, provider: str) -> None:
    model = {"x_ai": "grok-3", "aws.bedrock": "anthropic.claude-3-5-sonnet-20241022-v2:0"}
    assert listed.prices(provider, model.get(provider, "gemini-2.5-pro"))


def test_tokens_above_a_tier_cost_its_rate(book: PriceBook) -> None:
    usages = [{"input_tokens": n, "output_tokens": 0} for n in (200_000, 200_001)]
    found = costs(book, [("google", "gemini-2.5-pro")] * 2, usages, "2025-07-09")
    assert found == [pico_usd("0.25"), 200_001 * 2_500_000]


def test_off_peak_hours_have_their_price(book: PriceBook) -> None:
    usage = {"input_tokens": 1_000_000, "output_tokens": 0}
    hours = [
        costs(book, [("deepseek", "deepseek-reasoner")], [usage], f"2025-06-01T{h}")[0]
        for h in ("00:29", "00:30", "16:29", "16:30")
    ]
    assert hours[0] == hours[3] != hours[1] == hours[2]


def test_free_models_cost_nothing_and_hourly_ones_stay_unpriced(book: PriceBook) -> None:
    models = [("openrouter", "google/gemini-2.0-flash-exp:free"), ("openai", "whisper-1")]
    usage = {"input_tokens": 10, "output_tokens": 10}
    assert costs(book, list(models), [usage, usage], "2026-01-01") == [0, MISSING]
    assert book.unpriced_models == ("openai/whisper-1",)


@pytest.mark.parametrize("model", ["", "no-such-model", "\x00", "a/b/c", "[", "é" * 300])
def test_strange_names_are_unknown(listed: ListPrices, model: str) -> None:
    assert listed.prices(None, model) is None
    assert listed.prices("no such provider", model) is None
