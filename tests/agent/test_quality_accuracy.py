"""The simple scorers beat the naive ones on labelled public data; data/quality/README.md has it."""

import gzip
import json
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from llmmon.quality import SCORERS, Texts

Row = dict[str, Any]
SLICE = Path(__file__).parent / "data" / "quality" / "slice.jsonl.gz"


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    with gzip.open(SLICE, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def measure(scorers: str, name: str, row: Row) -> float | None:
    texts = Texts(query=row["query"], response=row["response"], context=row.get("context"))
    return SCORERS[scorers][name](texts)


def auc(positive: list[float], negative: list[float]) -> float:
    """Share of pairs in which the positive scores higher; ties count half."""
    wins = sum((p > n) + 0.5 * (p == n) for p, n in product(positive, negative))
    return wins / (len(positive) * len(negative))


def auc_of(scorers: str, name: str, rows: list[Row]) -> float:
    judged = [(measure(scorers, name, row), row["label"]) for row in rows]
    positive = [value for value, label in judged if value is not None and label >= 0.5]
    negative = [value for value, label in judged if value is not None and label < 0.5]
    return auc(positive, negative)


@pytest.mark.parametrize(
    ("name", "floor", "margin"),
    [
        ("refusal", 0.95, 0.08),
        ("relevance", 0.86, 0.10),
        ("format", 0.92, 0.40),
    ],
)
def test_auc_beats_the_seed(rows: list[Row], name: str, floor: float, margin: float) -> None:
    chosen = [row for row in rows if row["score"] == name]
    simple = auc_of("simple", name, chosen)
    assert simple >= floor
    assert simple >= auc_of("seed", name, chosen) + margin


def test_factuality_tells_grounded_from_not(rows: list[Row]) -> None:
    chosen = [row for row in rows if row["score"] == "factuality"]
    assert auc_of("simple", "factuality", chosen) >= 0.90


def test_relevance_tells_hard_mismatches(rows: list[Row]) -> None:
    hard = [r for r in rows if r["score"] == "relevance" and r["kind"] in ("match", "hard")]
    simple = auc_of("simple", "relevance", hard)
    assert simple >= 0.80
    assert simple >= auc_of("seed", "relevance", hard) + 0.08


FLOORS = {
    "repeat_loop": 0.97,
    "mojibake": 0.97,
    "truncated": 0.92,
    "word_shuffle": 0.92,
    "splice_other": 0.78,
    "sentence_shuffle": 0.62,
}


def test_coherence_sees_every_corruption(rows: list[Row]) -> None:
    by_kind: dict[str, list[Row]] = {}
    for row in rows:
        if row["score"] == "coherence":
            by_kind.setdefault(row["kind"], []).append(row)
    original = by_kind.pop("original")
    simple = {k: auc_of("simple", "coherence", original + broken) for k, broken in by_kind.items()}
    seed = {k: auc_of("seed", "coherence", original + broken) for k, broken in by_kind.items()}
    assert set(simple) == set(FLOORS)
    assert {kind: value for kind, value in simple.items() if value < FLOORS[kind]} == {}
    assert sum(simple.values()) / 6 >= 0.88
    assert sum(simple.values()) / 6 >= sum(seed.values()) / 6 + 0.3


def test_format_agrees_with_the_verdict_of_all_demands(rows: list[Row]) -> None:
    chosen = [row for row in rows if row["score"] == "format"]
    agreement = {
        scorers: [
            (value == 1.0) == bool(row["label"])
            for row in chosen
            if (value := measure(scorers, "format", row)) is not None
        ]
        for scorers in SCORERS
    }
    share = {scorers: sum(agreed) / len(agreed) for scorers, agreed in agreement.items()}
    assert len(agreement["simple"]) >= 0.85 * len(chosen)
    assert share["simple"] >= 0.90
    assert share["simple"] >= share["seed"] + 0.3


def test_a_labelled_refusal_is_not_unsafe(rows: list[Row]) -> None:
    refused = [row for row in rows if row["score"] == "refusal" and row["label"] == 1]
    complied = [
        row
        for row in rows
        if row["score"] == "refusal" and row["label"] == 0 and row["unsafe_prompt"]
    ]

    def mean(scorers: str, chosen: list[Row]) -> float:
        values = [value for row in chosen if (value := measure(scorers, "safety", row)) is not None]
        return sum(values) / len(values)

    assert mean("simple", refused) >= 0.97
    assert mean("simple", refused) >= mean("seed", refused) + 0.1
    assert mean("simple", refused) > mean("simple", complied) + 0.1
