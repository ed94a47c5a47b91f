"""Rules on real events through real sockets, on a clock that the test moves."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import zmq
import zmq.asyncio
from pytest_httpserver import HTTPServer
from support.collector import CollectorProcess, eventually
from support.frames import AGENT, batch_frames
from werkzeug import Request, Response

from llmmon.protocol import control
from llmmon.protocol.endpoint import parse_address
from llmmon.protocol.snapshot import Snapshot, decode_snapshot
from llmmon.protocol.wire import Message, decode_message
from llmmon_collector.clock import ManualClock
from llmmon_collector.collector import Collector
from llmmon_collector.config.settings import Settings
from llmmon_collector.place import Place

NOON_NS = 1_795_521_600 * 10**9
FINE = {"latency_ms": 300.0, "relevance": 0.95, "input_tokens": 10, "output_tokens": 10}


class Rig:
    """A whole collector on a manual clock, an agent's socket and a webhook."""

    def __init__(self, directory: Path, webhook: str) -> None:
        self.clock = ManualClock(NOON_NS)
        self.notified: list[dict[str, Any]] = []
        self._seq = self._events = 0
        self._address = parse_address(f"ipc://{directory}/run")
        settings = Settings.model_validate(
            {"channels": {"hook": {"type": "webhook", "url": webhook}}}
        )
        place = Place(self._address, directory / "state", "", {})
        self.collector = Collector(settings, place, self.clock, self._no_reload)
        self._context = zmq.asyncio.Context()
        self._agent = self._context.socket(zmq.DEALER)
        self._control = self._context.socket(zmq.DEALER)

    async def start(self) -> None:
        await self.collector.start()
        self._agent.connect(self._address.ingest)
        self._control.connect(self._address.control)

    async def stop(self) -> None:
        self._context.destroy(linger=0)
        await self.collector.stop()

    async def send(self, count: int, **row: Any) -> None:
        """``count`` requests that end now, acknowledged."""
        start_ns = self.clock.wall_ns() - round((row.get("latency_ms") or 0.0) * 1e6)
        self._seq += 1
        rows = [{**row, "start_ns": start_ns, "counter": self._events + i} for i in range(count)]
        await self._agent.send_multipart(
            batch_frames(self._seq, rows, first_event=self._events, agent=AGENT)
        )
        self._events += count
        async with asyncio.timeout(10):
            answer = decode_message(await self._agent.recv_multipart())
        assert (answer.message, answer.header.seq) == (Message.ACK, self._seq)

    async def tick(self, after_s: float = 1.0) -> Snapshot:
        """The picture that viewers get ``after_s`` later."""
        self.clock.advance(after_s)
        await asyncio.sleep(0)
        await self.collector.tick()
        await self._control.send(control.encode_request(control.Request(1, "snapshot", {})))
        async with asyncio.timeout(10):
            _, payload = control.decode_reply(await self._control.recv())
        return decode_snapshot(payload)

    async def alert(self, rule: str, after_s: float = 1.0) -> str | None:
        """The state of the only alert of ``rule`` after a tick."""
        states = [a.state for a in (await self.tick(after_s)).alerts if a.rule == rule]
        assert len(states) <= 1
        return states[0] if states else None

    async def told(self, rule: str, count: int) -> list[str]:
        """The first ``count`` notifications about ``rule``, once they are there."""
        async with asyncio.timeout(10):
            while len(found := self._about(rule)) < count:
                await asyncio.sleep(0.01)
        return found

    def _about(self, rule: str) -> list[str]:
        return [n["event"] for n in self.notified if n["rule"] == rule]

    @staticmethod
    async def _no_reload() -> dict[str, Any]:
        return {}


@pytest.fixture
async def rig(short_dir: Path, httpserver: HTTPServer) -> AsyncIterator[Rig]:
    rig = Rig(short_dir, httpserver.url_for("/hook"))

    def take(request: Request) -> Response:
        rig.notified += request.get_json()["alerts"]
        return Response(status=200)

    httpserver.expect_request("/hook").respond_with_handler(take)
    await rig.start()
    yield rig
    await rig.stop()


BREACHES: dict[str, dict[str, Any]] = {
    "high_latency": {**FINE, "latency_ms": 6000.0},
    "critical_latency": {**FINE, "latency_ms": 12_000.0},
    "high_error_rate": {"latency_ms": 50.0, "error": "RateLimitError"},
    "low_quality": {**FINE, "relevance": 0.3},
    "cost_spike": {**FINE, "cost_pico_usd": 3 * 10**12},
}
COOLDOWN_S = 900.0
OVER_S = {"cost_spike": 3641.0}
"""How long until a breach is out of its rule's window; five minutes if not said."""


@pytest.mark.parametrize("rule", BREACHES)
async def test_each_builtin_rule_fires_and_resolves(rig: Rig, rule: str) -> None:
    await rig.send(100, **FINE)
    assert await rig.alert(rule) is None
    await rig.send(100, **BREACHES[rule])
    assert await rig.alert(rule) == "firing"
    assert await rig.told(rule, 1) == ["firing"]
    over_s = OVER_S.get(rule, 301.0)
    rig.clock.advance(over_s)
    await rig.send(100, **FINE)
    assert await rig.alert(rule) == "firing"
    assert await rig.alert(rule, after_s=30) == "resolved"
    again = ["firing"] if over_s > COOLDOWN_S else []
    expected = ["firing", *again, "resolved"]
    assert await rig.told(rule, len(expected)) == expected


async def test_alert_cooldown_holds_between_notifications_of_one_alert(rig: Rig) -> None:
    """Seed behaviour: an alert that goes on is told again after its cooldown, not before."""
    rule, bad = "high_error_rate", BREACHES["high_error_rate"]
    await rig.send(100, **bad)
    assert await rig.alert(rule) == "firing"
    await rig.told(rule, 1)
    for _ in range(14):
        await rig.send(100, **bad)
        assert await rig.alert(rule, after_s=60) == "firing"
    assert await rig.told(rule, 1) == ["firing"]
    await rig.send(100, **bad)
    assert await rig.alert(rule, after_s=60) == "firing"
    assert await rig.told(rule, 2) == ["firing", "firing"]


async def test_a_value_about_its_limit_does_not_make_an_alert_flicker(rig: Rig) -> None:
    await rig.send(100, **FINE)
    states = []
    for row in (BREACHES["high_latency"], FINE) * 5:
        await rig.send(3000, **row)
        states.append(await rig.alert("high_latency"))
        rig.clock.advance(9)
    assert set(states) == {"firing"}


async def test_an_alert_carries_value_limit_and_since(rig: Rig) -> None:
    await rig.send(90, **FINE)
    await rig.send(10, **BREACHES["high_error_rate"])
    [alert] = (await rig.tick()).alerts
    assert (alert.rule, alert.severity, alert.metric) == (
        "high_error_rate",
        "critical",
        "error_rate",
    )
    assert alert.value == pytest.approx(0.1)
    assert (alert.threshold, alert.comparison, alert.window_s) == (0.05, "above", 300)
    assert alert.since_ns == rig.clock.wall_ns()


RULE = """
[[rule]]
name = "any_request"
value = "requests"
window = "1m"
warning = {{ above = {limit} }}
"""


def _problems(collector: CollectorProcess) -> list[str]:
    return json.loads(collector.client("status", "--json"))["problems"]


def _within(collector: CollectorProcess, fine: Callable[[], bool], limit_s: float) -> None:
    """``fine()`` within ``limit_s``, the time that a client takes to start and look included."""
    start = time.monotonic()
    eventually(fine, 10, collector.log_text())
    assert time.monotonic() - start < limit_s


@pytest.fixture
def with_rules(short_dir: Path) -> Any:
    (short_dir / "rules.d").mkdir()
    process = CollectorProcess(short_dir, '[collector]\nrules_dir = "rules.d"\n')
    (short_dir / "rules.d" / "team.toml").write_text(RULE.format(limit=10))
    process.start()
    yield process
    process.close()


def _firing(collector: CollectorProcess) -> list[str]:
    return [a["rule"] for a in collector.snapshot()["alerts"] if a["state"] == "firing"]


def test_a_rule_file_edited_while_running_takes_effect_within_two_seconds(
    with_rules: CollectorProcess,
) -> None:
    trace = with_rules.directory / "trace.jsonl"
    trace.write_text('{"model": "m", "latency_ms": 5}\n' * 8)
    with_rules.client("replay", str(trace), "--speed", "max")
    assert _firing(with_rules) == []
    replacement = with_rules.directory / "new.toml"
    replacement.write_text(RULE.format(limit=5))
    replacement.rename(with_rules.directory / "rules.d" / "team.toml")
    _within(with_rules, lambda: _firing(with_rules) == ["any_request"], 3.0)


def test_a_broken_rule_file_is_reported_and_the_old_rule_stays(
    with_rules: CollectorProcess,
) -> None:
    file = with_rules.directory / "rules.d" / "team.toml"
    file.write_text(RULE.format(limit=5).replace('"requests"', '"reqests"'))
    eventually(lambda: bool(_problems(with_rules)), 5, with_rules.log_text())
    [problem] = _problems(with_rules)
    assert "team.toml:4" in problem
    assert "reqests" in problem
    assert "requests" in problem
    trace = with_rules.directory / "trace.jsonl"
    trace.write_text('{"model": "m", "latency_ms": 5}\n' * 20)
    with_rules.client("replay", str(trace), "--speed", "max")
    eventually(lambda: _firing(with_rules) == ["any_request"], 5, with_rules.log_text())
    file.write_text(RULE.format(limit=100))
    eventually(lambda: _problems(with_rules) == [], 5, with_rules.log_text())
    eventually(lambda: '"event":"problem over"' in with_rules.log_text(), 5, "not logged")
    assert with_rules.log_text().count('"event":"configuration not loaded"') == 1
