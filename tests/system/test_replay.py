"""A production trace through agent, journal, store and windows: exact to the event and the cent."""

from __future__ import annotations

import csv
import json
import random
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from genai_prices import Usage, calc_price
from support.collector import CollectorProcess

from llmmon.protocol.money import PICO_PER_USD

ROWS = 4000
MODELS = (("openai", "gpt-4o"), ("anthropic", "claude-sonnet-4-5"), ("deepseek", "deepseek-chat"))


@pytest.fixture
def trace(short_dir: Path) -> Path:
    """Requests of three priced models with long-tailed latencies, one in fifty an error."""
    rng = random.Random(7)
    path = short_dir / "trace.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        names = ["t", "provider", "model", "input_tokens", "output_tokens", "latency_ms"]
        writer.writerow([*names, "ttft_ms", "error_code"])
        for i in range(ROWS):
            provider, model = rng.choice(MODELS)
            latency_ms = round(rng.lognormvariate(7, 0.8), 3)
            tokens = [rng.randint(1, 20_000), rng.randint(1, 2000)]
            error = "429" if rng.random() < 0.02 else ""
            writer.writerow(
                [i * 0.01, provider, model, *tokens, latency_ms, round(latency_ms / 9, 3), error]
            )
    return path


def _rows(trace: Path) -> list[dict[str, str]]:
    with trace.open(newline="") as file:
        return list(csv.DictReader(file))


def _replay(collector: CollectorProcess, trace: Path, *arguments: str) -> dict[str, object]:
    output = collector.client("replay", str(trace), "--speed", "max", "--json", *arguments)
    return json.loads(output)


def _price_pico(row: dict[str, str]) -> Decimal:
    usage = Usage(input_tokens=int(row["input_tokens"]), output_tokens=int(row["output_tokens"]))
    price = calc_price(usage, row["model"], provider_id=row["provider"])
    return price.total_price * PICO_PER_USD


def test_events_stored_rise_by_exactly_the_rows_sent(
    collector: CollectorProcess, trace: Path
) -> None:
    before = collector.snapshot()["ingest"]["events_stored"]
    report = _replay(collector, trace, "--limit", "1500")
    assert (report["sent"], report["acknowledged"], report["lost"]) == (1500, 1500, 0)
    assert collector.snapshot()["ingest"]["events_stored"] == before + 1500


def test_the_store_holds_the_same_count_tokens_and_cost(
    collector: CollectorProcess, trace: Path
) -> None:
    rows = _rows(trace)
    assert _replay(collector, trace)["sent"] == len(rows)
    [total] = collector.query(
        "SELECT count(*) AS n, sum(input_tokens) AS i, sum(output_tokens) AS o, "
        "sum(cost_pico_usd) AS c, count(error) AS e FROM requests"
    )
    assert total == {
        "n": len(rows),
        "i": sum(int(row["input_tokens"]) for row in rows),
        "o": sum(int(row["output_tokens"]) for row in rows),
        "c": int(sum(map(_price_pico, rows))),
        "e": sum(row["error_code"] != "" for row in rows),
    }


@pytest.mark.parametrize("window", ["1m", "5m", "1h"])
def test_quantiles_agree_with_exact_ones_within_a_hundredth(
    collector: CollectorProcess, trace: Path, window: str
) -> None:
    _replay(collector, trace)
    latencies = np.array([float(row["latency_ms"]) for row in _rows(trace)])
    total = collector.snapshot("--window", window)["total"]
    assert total["requests"] == len(latencies)
    for name, q in (("latency_p50", 0.5), ("latency_p95", 0.95), ("latency_p99", 0.99)):
        exact = float(np.quantile(latencies, q, method="lower"))
        assert total[name] == pytest.approx(exact, rel=0.01)
        assert total["ttft_" + name[-3:]] == pytest.approx(exact / 9, rel=0.01)


def test_cost_by_model_agrees_between_snapshot_store_and_price_list(
    collector: CollectorProcess, trace: Path
) -> None:
    rows = _rows(trace)
    _replay(collector, trace)
    view = collector.snapshot("--by", "model")
    stored = collector.query(
        "SELECT model, CAST(time AS DATE) AS day, sum(cost_pico_usd) AS c FROM requests "
        "GROUP BY ALL"
    )
    for series in view["series"]:
        exact = int(sum(_price_pico(row) for row in rows if row["model"] == series["model"]))
        assert sum(row["c"] for row in stored if row["model"] == series["model"]) == exact
        assert series["cost_usd"] == pytest.approx(exact / PICO_PER_USD, rel=1e-12)


def test_requests_by_hour_and_scores_can_be_asked_for(
    collector: CollectorProcess, trace: Path
) -> None:
    _replay(collector, trace, "--limit", "100")
    [hour] = collector.query(
        "SELECT date_trunc('hour', time) AS hour, count(*) AS n FROM requests GROUP BY ALL "
        "ORDER BY n DESC LIMIT 1"
    )
    assert hour["n"] in range(1, 101)
