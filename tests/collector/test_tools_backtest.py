"""``llmmon rules backtest``: what would have fired, out of a store, directly or fetched."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from support.batches import body, committed, series
from support.live import NOW_NS, PRICES, SECOND, utc_midnight

from llmmon_collector.control.records import plain
from llmmon_collector.directory import DirectoryLock
from llmmon_collector.journal import Cursor
from llmmon_collector.past import Past
from llmmon_collector.series import SeriesTable
from llmmon_collector.store.base import Span
from llmmon_collector.store.duck import DuckStore
from llmmon_collector.tools import fetch
from llmmon_collector.tools.commands import rules as group
from llmmon_collector.tools.fetch import FetchedRollups

MINUTE = 60 * SECOND
BEGIN_NS = NOW_NS - NOW_NS % (3600 * SECOND)
KEYS = [series(model="gpt-4o", service=""), series(model="o|1", route="/b")]
RULES = """
[[rule]]
name = "slow"
value = "latency_p95"
by = ["model"]
window = "1m"
warning = { above = 1000 }
critical = { above = 5000 }
for = "2m"
cooldown = "10m"

[[rule]]
name = "more"
value = "requests - ago(requests, '10m')"
window = "1m"
warning = { above = 2 }
cooldown = "0s"

[[rule]]
name = "down"
value = "check_failing"
critical = { above = 0.5 }

[[rule]]
name = "off"
value = "requests"
warning = { above = 0 }
disabled = true
"""


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """Sixty minutes of one request a minute: slow in 10 to 29 and 40 to 44, very slow at 20."""
    directory = tmp_path / "state"
    directory.mkdir(mode=0o700)
    store = DuckStore(directory / "store.duckdb", PRICES, 100)
    rows = [_row(minute, 100.0) for minute in range(60) for _ in range(1 + 4 * (minute >= 50))]
    slow, very_slow = {*range(10, 30), *range(40, 45)}, {20, 21, 22}
    for minute in range(60):
        latency_ms = 9000.0 if minute in very_slow else 2000.0 if minute in slow else 100.0
        rows.append(_row(minute, latency_ms, series=1))
    item = committed(body(rows, keys=KEYS))
    store.fold([item], Cursor(1, 8))
    store.close()
    return directory


def _row(minute: int, latency_ms: float, series: int = 0) -> dict[str, Any]:
    end_ns = BEGIN_NS + minute * MINUTE + 30 * SECOND
    start_ns = end_ns - round(latency_ms * 1e6)
    return {"series": series, "counter": 1, "start_ns": start_ns, "latency_ms": latency_ms}


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    file = tmp_path / "rules.toml"
    file.write_text(RULES)
    return file


def iso(minute: int) -> str:
    return str(np.datetime64(BEGIN_NS + minute * MINUTE, "ns")).partition(".")[0]


def backtest(*arguments: str | Path, host: object = None) -> Result:
    span = ["--since", iso(0), "--until", iso(60)]
    return CliRunner().invoke(group, ["backtest", *map(str, arguments), *span], obj=host)


def test_each_instance_with_times_peak_and_notifications(rules: Path, state: Path) -> None:
    done = backtest(rules, "--state", state, "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert [rule["name"] for rule in told["rules"]] == ["slow", "more"]
    slow, more = told["rules"]
    [one] = slow["instances"]
    # breaches show at the minute's end, and two more minutes go by: 13 to 31, and 43 to 46
    assert one["labels"] == {"model": "o|1"}
    assert (one["count"], one["firing_s"]) == (2, 60.0 * (18 + 3))
    assert (one["first"], one["last"]) == (iso(13) + "+00:00", iso(45) + "+00:00")
    assert one["severity"] == "critical"
    assert one["peak"] == pytest.approx(9000, rel=0.01)
    assert not one["still_firing"]
    # fires, is critical at 23, is over; fires more than a cooldown later, is over
    assert one["notifications"] == 5
    [grown] = more["instances"]
    assert (grown["labels"], grown["first"], grown["count"]) == ({}, iso(51) + "+00:00", 1)
    assert grown["still_firing"]
    assert grown["notifications"] == 1
    assert told["not_tried"] == [
        {"name": "down", "reason": "reads checks, of which no minutes are kept"}
    ]


def test_it_reads_well(rules: Path, state: Path) -> None:
    lines = backtest(rules, "--state", state).stdout.splitlines()
    assert lines[0].endswith("UTC, 1h every 1m")
    assert lines[2].startswith("slow: fired 2 times, ")
    assert lines[3].startswith("  critical {model=o|1}: 2 times, ")
    assert "still firing" in lines[5]
    assert lines[6] == "down: not tried, it reads checks, of which no minutes are kept"


def test_progress_is_told_beside_the_result(rules: Path, state: Path) -> None:
    done = backtest(rules, "--state", state, "--json")
    assert "backtest" in done.stderr
    assert json.loads(done.stdout)["step_s"] == 60


def test_builtin_rules_are_tried_when_asked(rules: Path, state: Path) -> None:
    told = json.loads(backtest(rules, "--state", state, "--builtin", "--json").stdout)
    assert "high_latency" in {rule["name"] for rule in told["rules"]}


class _Host:
    """A collector whose ``query`` is that of a store."""

    def __init__(self, store: DuckStore) -> None:
        self._store = store

    @contextmanager
    def control(self, connect: str | None, key_file: str | None) -> Iterator[_Host]:
        yield self

    def call(self, method: str, params: dict[str, Any] | None = None, more_s: float = 0.0) -> Any:
        if method == "status":
            return {}
        assert (method, params is not None) == ("query", True)
        result = self._store.query(**(params or {}))
        rows = [[plain(value) for value in row] for row in result.rows]
        return {"columns": result.columns, "rows": rows, "truncated": result.truncated}


def test_a_running_collector_tells_the_same(rules: Path, state: Path) -> None:
    direct = backtest(rules, "--state", state, "--json").stdout
    store = DuckStore(state / "store.duckdb", PRICES, 100)
    assert backtest(rules, "--json", host=_Host(store)).stdout == direct
    store.close()


@pytest.mark.parametrize("page", [1, 3, 1000])
def test_fetched_minutes_are_those_of_the_store(
    state: Path, page: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, "PAGE_ROLLUPS", page)
    store = DuckStore(state / "store.duckdb", PRICES, 100)

    def ask(sql: str, limit: int) -> Sequence[Sequence[Any]]:
        return [[plain(v) for v in row] for row in store.query(sql, limit).rows]

    span = Span.of(BEGIN_NS + 3 * MINUTE, BEGIN_NS + 57 * MINUTE, MINUTE)
    told = [
        [(rollup.start_ns, _named(rollup.delta, table)) for rollup in kept.rollups(span, table)]
        for kept, table in ((store, SeriesTable(9)), (FetchedRollups(ask), SeriesTable(9)))
    ]
    assert told[0] == told[1]
    assert len(told[0]) == 55
    store.close()


def _named(delta: Any, table: SeriesTable) -> list[Any]:
    """By series key: the two number series as they meet them."""
    rows = []
    for i, code in enumerate(delta.series.tolist()):
        inside = delta.bins // 4096 == code
        cells = (delta.bins[inside] % 4096).tolist(), delta.bin_counts[inside].tolist()
        rows.append((table.keys[code], delta.counts[i].tolist(), cells))
    return sorted(rows)


def test_an_empty_store_fires_nothing(rules: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir(mode=0o700)
    store = DuckStore(empty / "store.duckdb", PRICES, 100)
    moments = Past(FetchedRollups(lambda sql, limit: store.query(sql, limit).rows), utc_midnight, 9)
    [moment] = moments.moments([60], [BEGIN_NS])
    assert moment.source(60, (), None).requests.tolist() == [0]
    store.close()
    lines = backtest(rules, "--state", empty).stdout.splitlines()
    assert lines[1:3] == ["the store has nothing of that time", "slow: never fired"]


SILENT = """
[[rule]]
name = "silent"
value = "requests"
warning = { below = 1 }
"""


def test_nothing_is_tried_before_the_store_begins(tmp_path: Path, state: Path) -> None:
    file = tmp_path / "silent.toml"
    file.write_text(SILENT)
    arguments = ["backtest", str(file), "--state", str(state), "--since", iso(-600)]
    done = CliRunner().invoke(group, [*arguments, "--until", iso(70)])
    begin, rule, instance = done.stdout.splitlines()[1:]
    assert begin == f"the store begins at {iso(1)[:16].replace('T', ' ')}: nothing was tried before"
    assert rule.startswith("silent: fired once, ")
    assert f"first {iso(65)[:16].replace('T', ' ')}" in instance, "when the last have left"


def test_objectives_and_limits_of_the_file_are_named_as_not_tried(
    tmp_path: Path, state: Path
) -> None:
    file = tmp_path / "slo.toml"
    file.write_text(
        "[[slo]]\nname = 'up'\ngood = 'error is None'\nobjective = 0.99\n"
        "[[budget]]\nname = 'all'\nlimit_usd = 1\n"
    )
    told = json.loads(backtest(file, "--state", state, "--json").stdout)
    reasons = {one["name"]: one["reason"] for one in told["not_tried"]}
    assert reasons == {
        "slo.up": "reads slos, of which no minutes are kept",
        "budget.all": "reads budgets, of which no minutes are kept",
        "budget.all.forecast": "reads budgets, of which no minutes are kept",
    }


def test_a_state_that_a_collector_uses_is_refused(rules: Path, state: Path) -> None:
    lock = DirectoryLock(state, "state")
    done = backtest(rules, "--state", state)
    assert done.exit_code == 1
    assert "another collector" in str(done.exception)
    lock.release()
    assert backtest(rules, "--state", state).exit_code == 0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--step", "90s"], "whole minutes"),
        (["--step", "soon"], "is not a duration"),
        (["--since", "last week"], "expected how long ago"),
        (["--since", "2020-01-01", "--until", "2019-01-01"], "nothing lies between"),
        (["--since", "2000-01-01"], "raise --step"),
    ],
)
def test_wrong_options_exit_2(rules: Path, state: Path, options: list[str], said: str) -> None:
    arguments = ["backtest", str(rules), "--state", str(state), *options]
    done = CliRunner().invoke(group, arguments)
    assert done.exit_code == 2
    assert said in done.stderr.replace("\n", " ")
