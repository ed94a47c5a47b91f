"""Inference servers' metrics: from text to measurements, and against their limits."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from llmmon_collector.clock import ManualClock
from llmmon_collector.health.checks.exposition import MAX_SAMPLES, Reading, read_exposition
from llmmon_collector.health.checks.growth import measure, quantile
from llmmon_collector.health.checks.scrape import Scraper
from llmmon_collector.health.context import CheckContext
from llmmon_collector.health.model import ScrapeCheck
from llmmon_collector.health.outcome import Outcome
from llmmon_collector.health.serving import MEASUREMENTS

SECOND_NS = 1_000_000_000
TTFT = "vllm:time_to_first_token_seconds"
SGLANG = """\
# HELP sglang:num_queue_reqs The number of requests in the waiting queue
# TYPE sglang:num_queue_reqs gauge
sglang:num_queue_reqs{model_name="llama"} 4.0
sglang:num_running_reqs{model_name="llama"} 8.0
sglang:token_usage{model_name="llama"} 0.28
"""
TGI = """\
# TYPE tgi_queue_size gauge
tgi_queue_size 5
tgi_batch_current_size 2
# TYPE tgi_request_count counter
tgi_request_count 10
"""


class Vllm:
    """Metrics as vLLM makes them: by the same library, with the same names."""

    def __init__(self, model: str = "m") -> None:
        registry = CollectorRegistry()
        self.registry = registry
        by: Any = {"labelnames": ["model_name"], "registry": registry}
        self.waiting = Gauge("vllm:num_requests_waiting", "waiting", **by).labels(model)
        self.running = Gauge("vllm:num_requests_running", "running", **by).labels(model)
        self.cache = Gauge("vllm:kv_cache_usage_perc", "cache", **by).labels(model)
        self.tokens = Counter("vllm:generation_tokens", "tokens", **by).labels(model)
        self.preempted = Counter("vllm:num_preemptions", "preempted", **by).labels(model)
        self.queries = Counter("vllm:prefix_cache_queries", "queries", **by).labels(model)
        self.hits = Counter("vllm:prefix_cache_hits", "hits", **by).labels(model)
        buckets = (0.1, 0.5, 1.0, 5.0)
        self.ttft = Histogram(TTFT, "ttft", buckets=buckets, **by).labels(model)

    def text(self) -> str:
        """What it answers to a scrape."""
        return generate_latest(self.registry).decode()


def reading(text: str, at_s: float = 0.0, model: str | None = None) -> Reading:
    return read_exposition(text, model, round(at_s * SECOND_NS))


def values(now: Reading, before: Reading | None = None) -> dict[str, float]:
    found = measure(now, before)
    assert all(MEASUREMENTS[one.name] == one.unit for one in found)
    return {one.name: one.value for one in found}


def test_the_first_scrape_tells_what_is_true_now() -> None:
    engine = Vllm()
    engine.waiting.set(3)
    engine.running.set(7)
    engine.cache.set(0.25)
    engine.ttft.observe(0.3)
    assert values(reading(engine.text())) == {
        "requests_running": 7.0,
        "requests_waiting": 3.0,
        "cache_usage": 0.25,
    }


def test_the_second_tells_what_happened_since() -> None:
    engine = Vllm()
    for _ in range(100):
        engine.ttft.observe(4.0)
    before = reading(engine.text())
    engine.tokens.inc(500)
    engine.queries.inc(100)
    engine.hits.inc(75)
    for value_s in (0.05, 0.2, 0.3, 0.4):
        engine.ttft.observe(value_s)
    found = values(reading(engine.text(), 10.0), before)
    assert found["output_tokens_per_s"] == 50.0
    assert found["preemptions_per_s"] == 0.0
    assert found["prefix_cache_hit_ratio"] == 0.75
    assert found["ttft_p50_ms"] == pytest.approx(100 + 400 / 3)
    assert found["ttft_p99_ms"] == pytest.approx(100 + 400 * (0.99 * 4 - 1) / 3)
    assert not [name for name in found if name.startswith("e2e")]


def test_no_requests_are_no_quantiles_and_no_share() -> None:
    engine = Vllm()
    engine.ttft.observe(0.3)
    found = values(reading(engine.text(), 10.0), reading(engine.text()))
    assert not [name for name in found if name.startswith(("ttft", "prefix"))]
    assert found["output_tokens_per_s"] == 0.0


def test_a_server_that_began_anew_counts_from_zero() -> None:
    old = Vllm()
    old.tokens.inc(1000)
    for _ in range(10):
        old.ttft.observe(4.0)
    new = Vllm()
    new.tokens.inc(40)
    new.ttft.observe(0.05)
    found = values(reading(new.text(), 10.0), reading(old.text()))
    assert found["output_tokens_per_s"] == 4.0
    assert found["ttft_p99_ms"] <= 100.0


def test_a_new_process_counts_from_zero_though_it_has_counted_more() -> None:
    old, new = Vllm(), Vllm()
    old.tokens.inc(10)
    new.tokens.inc(40)
    started = "process_start_time_seconds {}\n"
    before = reading(old.text() + started.format(1))
    assert values(reading(new.text() + started.format(1), 10.0), before)[
        "output_tokens_per_s"
    ] == pytest.approx(3.0)
    assert values(reading(new.text() + started.format(2), 10.0), before)[
        "output_tokens_per_s"
    ] == pytest.approx(4.0)


def test_engines_add_up_and_models_can_be_told_apart() -> None:
    one, two = Vllm("one"), Vllm("two")
    one.waiting.set(3)
    two.waiting.set(4)
    one.cache.set(0.9)
    text = one.text() + two.text()
    assert values(reading(text))["requests_waiting"] == 7.0
    assert values(reading(text))["cache_usage"] == 0.9
    assert values(reading(text, model="two"))["requests_waiting"] == 4.0
    assert not reading(text, model="three").samples


def test_other_servers() -> None:
    assert values(reading(SGLANG)) == {
        "requests_running": 8.0,
        "requests_waiting": 4.0,
        "cache_usage": 0.28,
    }
    later = TGI.replace("count 10", "count 30")
    assert values(reading(later, 10.0), reading(TGI)) == {
        "requests_running": 2.0,
        "requests_waiting": 5.0,
        "requests_per_s": 2.0,
    }


def test_old_names_serve_where_the_new_ones_are_not() -> None:
    old = 'vllm:gpu_cache_usage_perc{model_name="m"} 0.5\n'
    new = 'vllm:kv_cache_usage_perc{model_name="m"} 0.6\n'
    assert values(reading(old))["cache_usage"] == 0.5
    assert values(reading(old + new))["cache_usage"] == 0.6


def test_odd_numbers_are_no_numbers() -> None:
    text = "vllm:num_requests_waiting NaN\nvllm:num_requests_running +Inf\nother{ broken\n"
    assert values(reading(text)) == {}


@pytest.mark.parametrize("odd", ["\u2028", "\x0b", "\x85", "\x1c"])
def test_only_line_feeds_end_lines(odd: str) -> None:
    text = f'vllm:num_requests_waiting{{model_name="a{odd}b"}} 3\r\nvllm:num_requests_running 2\n'
    assert values(reading(text)) == {"requests_waiting": 3.0, "requests_running": 2.0}


@pytest.mark.parametrize(
    "text",
    [
        "vllm:num_requests_waiting{ broken\n",
        "vllm:num_requests_waiting many\n",
        f'vllm:num_requests_waiting{{a="{"x" * 9000}"}} 1\n',
        "".join(f'vllm:num_requests_waiting{{a="{n}"}} 1\n' for n in range(MAX_SAMPLES + 1)),
    ],
)
def test_what_is_no_metrics_text_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        reading(text)


@given(st.text(st.sampled_from('vllm:num_requests_waiting{}="\\,\n #1.eE+-NaI_total'), max_size=80))
def test_no_text_does_worse_than_be_refused(tail: str) -> None:
    try:
        found = reading("vllm:num_requests_waiting" + tail)
    except ValueError:
        return
    assert all(math.isfinite(value) for value in values(found).values())


@given(
    st.lists(st.floats(0.001, 10), min_size=1, max_size=50),
    st.lists(st.floats(0.01, 8), min_size=1, max_size=8, unique=True),
    st.sampled_from([0.5, 0.95, 0.99]),
)
def test_a_quantile_lies_in_the_bucket_that_holds_it(
    numbers: list[float], bounds: list[float], q: float
) -> None:
    buckets = {b: float(sum(n <= b for n in numbers)) for b in [*bounds, math.inf]}
    found = quantile(q, buckets)
    exact = sorted(numbers)[math.ceil(q * len(numbers) - 1e-9) - 1]
    edges = [0.0, *sorted(bounds)]
    above = [edge for edge in edges if edge >= exact]
    assert found is not None
    if not above:
        assert found == edges[-1]
    else:
        below = [edge for edge in edges if edge < exact]
        assert (below[-1] if below else 0.0) <= found <= above[0] + 1e-9


@pytest.mark.parametrize("buckets", [{}, {math.inf: 3.0}, {1.0: 2.0}, {1.0: 0.0, math.inf: 0.0}])
def test_no_quantile_of_nothing(buckets: dict[float, float]) -> None:
    assert quantile(0.5, buckets) is None


class Target:
    """A server to scrape whose answer tests choose."""

    def __init__(self) -> None:
        self.engine = Vllm()
        self.text: str | None = None
        self.status = 200
        self.clock = ManualClock(0)
        self.scraper = Scraper()
        self.authorization: str | None = None
        self.url = ""

    async def scrape(self, **keys: Any) -> Outcome:
        """One run of the check."""
        spec = ScrapeCheck(**{"name": "x", "type": "scrape", "url": self.url, **keys})
        context = CheckContext(clock=self.clock, environ={"KEY": "k1"})
        return await self.scraper.check(spec, context)

    async def answer(self, request: web.Request) -> web.Response:
        """What is scraped."""
        self.authorization = request.headers.get("Authorization")
        text = self.engine.text() if self.text is None else self.text
        return web.Response(text=text, status=self.status)


@pytest.fixture
async def target() -> AsyncIterator[Target]:
    target, app = Target(), web.Application()
    app.router.add_get("/metrics", target.answer)
    async with TestServer(app) as server:
        target.url = str(server.make_url("/metrics"))
        yield target


async def test_a_scrape_check_measures_and_judges(target: Target) -> None:
    limits = {
        "warn": {"requests_waiting": 10},
        "fail": {"requests_waiting": 20, "ttft_p95_ms": 900},
    }
    target.engine.waiting.set(4)
    target.engine.cache.set(0.5)
    outcome = await target.scrape(**limits, api_key="env:KEY")
    assert (outcome.status, outcome.unit) == ("ok", "ms")
    assert outcome.message == "0 running, 4 waiting, cache 50%"
    assert target.authorization == "Bearer k1"
    target.engine.waiting.set(11)
    outcome = await target.scrape(**limits)
    assert (outcome.status, outcome.message) == ("degraded", "11 requests_waiting is above 10")
    target.engine.ttft.observe(4.0)
    target.clock.advance(30)
    outcome = await target.scrape(**limits)
    assert outcome.status == "failing"
    assert "ttft_p95_ms is above 900" in outcome.message


async def test_a_scrape_long_ago_is_no_base(target: Target) -> None:
    await target.scrape()
    target.clock.advance(91)
    names = {one.name for one in (await target.scrape()).measurements}
    assert "output_tokens_per_s" not in names
    target.clock.advance(30)
    names = {one.name for one in (await target.scrape()).measurements}
    assert "output_tokens_per_s" in names


async def test_scrapes_that_go_wrong(target: Target) -> None:
    assert (await target.scrape(model="z")).message.endswith("for the model z")
    target.text = "go_goroutines 5\n"
    outcome = await target.scrape()
    assert outcome.status == "degraded"
    assert outcome.message == "no known metric of an inference server"
    target.text = "vllm:num_requests_waiting{ broken\n"
    assert (await target.scrape()).message == "the answer is not Prometheus text"
    target.text = "x" * (8 * 2**20 + 1)
    assert (await target.scrape()).message == "the answer is longer than 8388608 bytes"
    target.status = 404
    assert (await target.scrape()).message == "HTTP status 404"
