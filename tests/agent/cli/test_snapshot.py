from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from llmmon.protocol.names import METRICS
from llmmon.protocol.snapshot import BudgetView, ChannelView, SloView


def test_the_json_is_the_documented_object(run: Any, collector: Any, make: Any) -> None:
    collector.snapshot = make.snapshot((make.alert(),), (make.check(),))
    result = run("snapshot", "--json", "--window", "1m", "--by", "model,operation")
    assert result.exit_code == 0, result.output
    view = json.loads(result.output)
    assert list(view) == [
        *("version", "at", "window_s", "total", "series", "alerts", "health"),
        *("slos", "budgets", "channels", "ingest"),
    ]
    assert view["version"] == 1
    assert view["at"] == "2023-11-14T22:13:20.000+00:00"
    assert view["window_s"] == 60
    assert view["series"][0]["model"] == "x"
    assert view["series"][0]["operation"] == "x"
    assert view["alerts"][0]["rule"] == "high_latency"
    assert view["health"]["llm_api"]["status"] == "ok"
    assert view["ingest"] == {
        "agents": 1,
        "events_stored": 12,
        "duplicates_dropped": 3,
        "events_lost": {"queue_full": 2},
        "events_in_flight": 1,
        "rejected_batches": 0,
        "late_events": 0,
    }
    assert ("metrics", {"window_s": 60, "by": ["model", "operation"]}) in collector.asked


def test_every_metric_is_there_and_null_where_it_has_no_value(run: Any, collector: Any) -> None:
    view = json.loads(run("snapshot", "--json").output)
    assert set(METRICS) <= set(view["total"])
    assert view["total"]["requests"] == 12
    assert view["total"]["cost_usd"] is None
    assert view["total"]["error_rate"] is None


def test_the_text_has_no_control_characters_and_a_dash_for_no_value(
    run: Any, collector: Any, make: Any
) -> None:
    collector.snapshot = make.snapshot((make.alert(),))
    result = run("snapshot")
    assert result.exit_code == 0
    assert "\x1b" not in result.output
    assert "1.20 s" in result.output
    assert "—" in result.output
    assert "high_latency" in result.output


def test_objectives_budgets_and_channels_are_told(run: Any, collector: Any, make: Any) -> None:
    slo = SloView(
        *("chat", {"model": "x"}, "error is None", 0.999, 30 * 86_400),
        *(9990, 10_000, 3600.0, 0.999, 0.25, {"1h": 1.5}, 7200.0, "warning"),
    )
    budget = BudgetView(
        *("all", {}, "month", 500.0, 120.5, 3, 0.25, None, 2 * 10**18, None, None),
    )
    channel = ChannelView("team", "slack", 2, None, 7, 0, 0, 3, None, "HTTP 500")
    collector.snapshot = replace(
        make.snapshot(), slos=(slo,), budgets=(budget,), channels=(channel,)
    )
    view = json.loads(run("snapshot", "--json").output)
    assert view["slos"][0]["budget_left"] == 0.25
    assert view["budgets"][0]["forecast_usd"] is None
    assert view["channels"]["team"]["last_error"] == "HTTP 500"
    lines = [" ".join(line.split()) for line in run("snapshot").output.splitlines()]
    assert "chat (model=x) 0.999 99.900% 25.0% 2h warning" in lines
    assert "all month $500.00 $120.50 — 3 ok" in lines
    assert "team slack 7 2 HTTP 500" in lines


def test_wrong_windows_and_dimensions_are_usage_errors(run: Any, collector: Any) -> None:
    assert run("snapshot", "--window", "5 minutes").exit_code == 2
    result = run("snapshot", "--by", "colour")
    assert result.exit_code == 2
    assert "colour" in result.output
    assert "model" in result.output
