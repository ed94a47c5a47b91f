"""The price book: every row exact, dated and tiered prices, own prices before the catalogue's."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import ROUND_HALF_EVEN, Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from llmmon_collector.pricing.book import MAX_MODELS, PriceBook
from llmmon_collector.pricing.model import PriceOverride
from llmmon_collector.pricing.rates import DAY_NS, Price, PriceList, Rates
from llmmon_collector.requests import MISSING, REPEATS

HOUR_NS = 3600 * 10**9
rates = st.decimals(0, 1000, places=9, allow_nan=False, allow_infinity=False)
tokens = st.one_of(st.just(MISSING), st.integers(0, 2**31 - 1))


def override(model: str, price: float | str = 1, **changes: object) -> PriceOverride:
    return PriceOverride.model_validate(
        {"model": model, "input_per_mtok": price, "output_per_mtok": 0, **changes}
    )


def ns(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 10**9


def cost(  # one request
    book: PriceBook,
    provider: str | None,
    model: str,
    usage: tuple[int, int, int, int] = (1_000_000, MISSING, MISSING, MISSING),
    at_ns: int = 0,
) -> int:
    code = np.array([book.code(provider, model)], np.int32)
    return int(book.cost(code, np.array([at_ns]), [np.array([n]) for n in usage])[0])


class Listed:
    """A catalogue of given lists."""

    def __init__(self, lists: dict[tuple[str | None, str], PriceList]) -> None:
        self.lists = lists

    def prices(self, provider: str | None, model: str) -> PriceList | None:
        return self.lists.get((provider, model))


def flat(usd_per_mtok: int) -> Rates:
    return Rates(*(Decimal(usd_per_mtok),) * 4)


@given(
    prices=st.tuples(rates, rates, rates, rates),
    rows=st.lists(st.tuples(tokens, tokens, tokens, tokens), min_size=1, max_size=20),
)
def test_each_row_is_exact_and_rounded_half_to_even(
    prices: tuple[Decimal, ...], rows: list[tuple[int, ...]]
) -> None:
    names = ("input_per_mtok", "output_per_mtok", "cached_input_per_mtok", "cache_write_per_mtok")
    book = PriceBook([PriceOverride(model="m", **dict(zip(names, prices, strict=True)))])
    codes = np.full(len(rows), book.code(None, "m"), np.int32)
    columns = [np.array(column, np.int64) for column in zip(*rows, strict=True)]
    found = book.cost(codes, np.zeros(len(rows), np.int64), columns).tolist()
    assert found == [_exact(prices, row) for row in rows]


def _exact(prices: tuple[Decimal, ...], row: tuple[int, ...]) -> int:
    if row[0] == row[1] == MISSING:
        return MISSING
    given, output, cached, write = (max(n, 0) for n in row)
    counts = (max(given - cached - write, 0), output, cached, write)
    pico = sum(price * n for price, n in zip(prices, counts, strict=True)) * 10**6
    return int(pico.to_integral_value(ROUND_HALF_EVEN))


def test_cached_tokens_cost_what_input_does_unless_said() -> None:
    book = PriceBook([override("m", 2), override("c", 2, cached_input_per_mtok="0.5")])
    usage = (1_000_000, 0, 600_000, 0)
    assert cost(book, None, "m", usage) == 2 * 10**12
    assert cost(book, None, "c", usage) == int(1.1 * 10**12)


def test_unknown_models_and_unknown_tokens_are_unpriced_never_free() -> None:
    book = PriceBook([override("known")])
    assert cost(book, "acme", "gpt-0") == MISSING
    assert cost(book, None, "") == MISSING
    assert cost(book, None, "known", (MISSING, MISSING, 5, 5)) == MISSING
    assert cost(book, None, "known", (2**31, 0, 0, 0)) == MISSING
    assert cost(book, None, "known", (0, 0, 0, 0)) == 0
    assert book.unpriced_models == ("acme/gpt-0",)


def test_requests_that_repeat_their_childrens_tokens_cost_nothing() -> None:
    book = PriceBook([override("m")])
    codes = np.array([REPEATS, book.code(None, "m")], np.int32)
    columns = [np.array([MISSING, n]) for n in (1, 1, MISSING, MISSING)]
    assert book.cost(codes, np.zeros(2, np.int64), columns).tolist() == [0, 10**6]


def test_names_are_matched_by_pattern_case_and_provider_prefix() -> None:
    book = PriceBook([override("gpt-4o*", 5), override("Mistral-7B", 1, provider="OpenRouter")])
    assert cost(book, "openai", "GPT-4o-mini") == 5 * 10**12
    assert cost(book, None, "openai/gpt-4o") == 5 * 10**12
    assert cost(book, None, "openrouter/mistral-7b") == 10**12
    assert cost(book, "openrouter", "mistral-7b") == 10**12
    assert cost(book, "other", "mistral-7b") == MISSING


def test_the_most_particular_price_wins_then_the_latest_then_the_last() -> None:
    book = PriceBook(
        [
            override("m", 1),
            override("m*", 2),
            override("m", 3, provider="p"),
            override("m", 4, **{"from": "2026-01-01"}),
            override("n", 5),
            override("n", 6),
        ]
    )
    late = ns("2026-06-01")
    assert cost(book, "p", "m", at_ns=late) == 3 * 10**12
    assert cost(book, "q", "m", at_ns=late) == 4 * 10**12
    assert cost(book, "q", "m", at_ns=ns("2025-12-31T23:59:59")) == 10**12
    assert cost(book, "q", "mm", at_ns=late) == 2 * 10**12
    assert cost(book, "q", "n", at_ns=late) == 6 * 10**12


def test_a_price_from_a_date_leaves_the_catalogue_in_force_before_it() -> None:
    catalogue = Listed({("p", "m"): (Price(flat(7)),)})
    book = PriceBook([override("m", 1, **{"from": date(2026, 3, 1)})], catalogue)
    assert cost(book, "p", "m", at_ns=ns("2026-02-28T23:59:59")) == 7 * 10**12
    assert cost(book, "p", "m", at_ns=ns("2026-03-01")) == 10**12
    assert cost(book, "q", "m", at_ns=ns("2026-02-01")) == MISSING
    assert book.unpriced_models == ()


def test_a_tier_holds_for_all_tokens_above_its_start() -> None:
    prices = (Price(flat(1)), Price(flat(2), above_input_tokens=200_000))
    book = PriceBook((), Listed({(None, "m"): prices}))
    assert cost(book, None, "m", (200_000, 0, 0, 0)) == 200_000 * 10**6
    assert cost(book, None, "m", (200_001, 10, 0, 0)) == 200_011 * 2 * 10**6
    assert cost(book, None, "m", (MISSING, 10, MISSING, MISSING)) == 10 * 10**6


def test_a_price_for_a_time_of_day_holds_over_midnight() -> None:
    night = Price(flat(1), day_start_ns=22 * HOUR_NS, day_span_ns=4 * HOUR_NS)
    book = PriceBook((), Listed({(None, "m"): (Price(flat(3)), night)}))
    by_hour = [cost(book, None, "m", at_ns=9 * DAY_NS + h * HOUR_NS) for h in (21, 22, 23, 0, 1, 2)]
    assert by_hour == [3 * 10**12, *[10**12] * 4, 3 * 10**12]


def test_the_catalogues_spellings_are_tried_in_turn() -> None:
    catalogue = Listed({("p", "m"): (Price(flat(1)),), ("r", "a/b"): (Price(flat(2)),)})
    book = PriceBook((), catalogue)
    assert cost(book, None, "p/m") == 10**12
    assert cost(book, "r", "a/b") == 2 * 10**12
    assert cost(book, "gateway", "p/m") == 10**12


def test_models_without_number_do_not_fill_the_memory() -> None:
    book = PriceBook([override("*", 1)])
    codes = {book.code(None, f"m{i}") for i in range(MAX_MODELS + 50)}
    assert codes == {book.code(None, "m0"), book.code(None, "one too many")}
    assert cost(book, None, "m0") == 10**12
    assert cost(book, None, "one too many") == MISSING


def test_codes_learnt_later_price_beside_the_earlier_ones() -> None:
    book = PriceBook([override("a", 1), override("b", 2)])
    assert cost(book, None, "a") == 10**12
    assert cost(book, None, "b") == 2 * 10**12
    assert cost(book, None, "a") == 10**12


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"input_per_mtok": -1}, "input_per_mtok"),
        ({"output_per_mtok": 1001}, "output_per_mtok"),
        ({"input_per_mtok": "nan"}, "input_per_mtok"),
        ({"model": ""}, "model"),
        ({"from": "soon"}, "from"),
        ({"inputs": 1}, "inputs"),
    ],
)
def test_a_wrong_price_is_refused_by_name(change: dict[str, object], place: str) -> None:
    fields = {"model": "m", "input_per_mtok": 1, "output_per_mtok": 1, **change}
    with pytest.raises(ValidationError, match=place):
        PriceOverride.model_validate(fields)
