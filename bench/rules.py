"""What judging rules costs: CPU of one evaluation of 1,000 rules over 1,000 series.

Run with ``python -m bench.rules``. The tables are made of synthetic series; making them from the
rolling windows is another matter, see the last rows.
"""

from __future__ import annotations

import time
from typing import Any, Final

import numpy as np

from bench.result import show
from bench.windows import START_NS, make_requests, make_table
from llmmon.protocol.names import DIMENSIONS, METRICS
from llmmon_collector.live import LiveMetrics, Open
from llmmon_collector.metrics import MetricSource, MetricTable, Sources
from llmmon_collector.pricing.book import PriceBook
from llmmon_collector.requests import RequestDecoder
from llmmon_collector.rules.engine import RuleEngine
from llmmon_collector.rules.model import RuleSpec
from llmmon_collector.series import SeriesTable, Where
from llmmon_collector.windows import Windows

RULES: Final = 1000
SERIES: Final = 1000
EVALUATION_MS: Final = 200.0
"""CPU to stay within."""
TICKS: Final = 30
SECOND_NS: Final = 10**9
MINUTE_NS: Final = 60 * SECOND_NS
FORMS: Final = (
    "latency_p95 + {n}",
    "errors / requests * {n}",
    "max(latency_p95, ttft_p95) / min(latency_p50, {n}000)",
    "error_rate > 0.{n} and (latency_p99 > {n} or not request_rate < {n})",
    "cost_usd / (requests + {n}) * 1000 - output_tokens / 1e6",
)
PAST_FORMS: Final = (
    'latency_p95 / ago(latency_p95, "{n}m")',
    'avg_over(error_rate, "{n}m")',
    'max_over(latency_p99, "{n}m") - latency_p50',
    'delta(cost_usd, "{n}m") + rate(requests, "{n}m")',
    'predict(hourly_cost, "{n}m", "4h")',
)


def rules(forms: tuple[str, ...], **keys: Any) -> list[RuleSpec]:
    """A thousand rules that differ, a fifth of each form; no limit is reached."""
    return [
        RuleSpec.model_validate(
            {
                "name": f"r{i}",
                "value": forms[i % len(forms)].format(n=10 + i // len(forms)),
                "by": DIMENSIONS,
                "warning": {"above": 1e12},
                "min_requests": 5,
                **keys,
            }
        )
        for i in range(RULES)
    ]


def synthetic(rng: np.random.Generator) -> MetricTable:
    """A thousand groups by all dimensions, a tenth of them without a latency."""
    keys = make_table(SERIES - 1).keys
    values = {name: rng.lognormal(3, 1, len(keys)) for name in METRICS if name != "requests"}
    values["latency_p95"][rng.random(len(keys)) < 0.1] = np.nan
    return MetricTable(
        tuple(dict(key._asdict()) for key in keys),
        values,
        rng.integers(10, 1000, len(keys)),
    )


def some_fire(specs: list[RuleSpec], table: MetricTable, alerts: int) -> list[RuleSpec]:
    """The same with a rule in ten limited so that all together ``alerts`` groups are beyond."""
    column = np.sort(table.values["latency_p99"])
    each = alerts // (len(specs) // 10)
    firing = {"value": "latency_p99", "warning": {"above": float(column[-each - 1])}}
    return [
        RuleSpec.model_validate(spec.model_dump(by_alias=True) | firing) if i % 10 == 0 else spec
        for i, spec in enumerate(specs)
    ]


def spent_ms(engine: RuleEngine, source: MetricSource, step_ns: int, ticks: int) -> list[float]:
    """CPU of each evaluation, ``step_ns`` apart; the first, which builds caches, left out."""
    spent = []
    for tick in range(ticks + 1):
        started_ns = time.process_time_ns()
        engine.evaluate(Sources(source), tick * step_ns / 1e9, START_NS + tick * step_ns)
        spent.append((time.process_time_ns() - started_ns) / 1e6)
    return spent[1:]


def tell(what: str, spent: list[float]) -> None:
    """One row."""
    ms = float(np.median(spent))
    show(
        f"rules.evaluate, {RULES} rules x {SERIES} series, {what}",
        f"{ms:.0f} ms CPU",
        f"{EVALUATION_MS:.0f} ms",
        value=ms,
        at_most=EVALUATION_MS,
    )


def with_past(table: MetricTable) -> RuleEngine:
    """An engine whose rules look back 10 minutes to 3.5 hours, all of which are known."""
    engine = RuleEngine(rules(PAST_FORMS))
    engine.replace(engine.rules, 0.0, START_NS)
    for question in engine.wanted_past():
        moments = range(question.since_ns, question.until_ns, question.step_ns)
        engine.fill_past(question, ((at_ns, table) for at_ns in moments))
    return engine


def bench_evaluation(rng: np.random.Generator) -> None:
    """The engine alone: tables are ready."""
    table = synthetic(rng)
    specs = rules(FORMS)

    def source(window_s: int, by: tuple[str, ...], where: Where | None) -> MetricTable:
        return table

    tell("by all dimensions", spent_ms(RuleEngine(specs), source, SECOND_NS, TICKS))
    engine = RuleEngine(some_fire(specs, table, 200))
    tell("200 alerts firing", spent_ms(engine, source, SECOND_NS, TICKS))
    engine = RuleEngine(some_fire(specs, table, 20_000))
    spent = spent_ms(engine, source, SECOND_NS, TICKS)
    show("rules.evaluate, 20,000 alerts firing", f"{np.median(spent):.0f} ms CPU")
    spent = spent_ms(with_past(table), source, SECOND_NS, 2 * TICKS)
    tell("functions of the past", spent)
    show("rules.evaluate, functions of the past, as a minute begins", f"{max(spent):.0f} ms CPU")


def bench_tables(rng: np.random.Generator) -> None:
    """What distinct filters cost: a table each is made from the windows, once a tick."""
    series = SeriesTable(SERIES)
    for key in make_table(SERIES - 1).keys[1:]:
        series.code(key)
    windows = Windows((300,), 60, lambda now_ns: now_ns - now_ns % (86_400 * SECOND_NS))
    live = LiveMetrics(series, windows, RequestDecoder(series, PriceBook()))
    for second in range(60):
        now_ns = START_NS + second * SECOND_NS
        windows.add(make_requests(rng, 500, SERIES - 1, now_ns), now_ns)
        live.advance(now_ns, Open(0, 0))
    for filters in (1, 10, 100):
        specs = [
            spec.model_copy(update={"where": f'not route == "/{i % filters}"'})
            for i, spec in enumerate(rules(FORMS))
        ]
        engine, spent = RuleEngine(specs), []
        for tick in range(6):
            now_ns += SECOND_NS
            live.advance(now_ns, Open(0, 0))
            started_ns = time.process_time_ns()
            engine.evaluate(Sources(live.table), float(tick), now_ns)
            spent.append((time.process_time_ns() - started_ns) / 1e6)
        what = f"{filters} distinct filter{'s' * (filters > 1)}, tables made too"
        show(f"rules.evaluate, {what}", f"{np.median(spent[1:]):.0f} ms CPU")


def main() -> None:
    """All figures."""
    rng = np.random.default_rng(7)
    bench_evaluation(rng)
    bench_tables(rng)


if __name__ == "__main__":
    main()
