"""Channels of a real collector that hang, and collectors that die before they have delivered."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from support.collector import CollectorProcess, eventually
from support.contracts import PAGERDUTY_PATH, ROUTING_KEY, PagerDuty
from support.receivers import Receiver, receiving

RULE = """
[[rule]]
name = "busy"
value = "requests"
by = ["model"]
critical = {{ above = {limit} }}
"""
HOOKS = """
[channels.slow]
type = "webhook"
url = "{slow}"
timeout = "1m"

[channels.fast]
type = "webhook"
url = "{fast}"
"""
PAGER = """
[channels.pager]
type = "pagerduty"
routing_key = "env:LLMMON_TEST_KEY"
url = "{url}"
timeout = "1m"
"""
Unstarted = Callable[[str], CollectorProcess]


@pytest.fixture
def slow() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def fast() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def pager(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    monkeypatch.setenv("LLMMON_TEST_KEY", ROUTING_KEY)
    with receiving(PagerDuty()) as receiver:
        yield receiver


def send(collector: CollectorProcess, model: str) -> None:
    """Enough requests to ``model`` for its alert."""
    trace = collector.directory / "trace.jsonl"
    trace.write_text(f'{{"model": "{model}", "latency_ms": 5}}\n' * 8)
    collector.client("replay", str(trace), "--speed", "max")


def events(receiver: Receiver) -> list[tuple[str, str]]:
    """What a webhook accepted: model and event."""
    told = (alert for received in receiver.accepted for alert in received.json()["alerts"])
    return [(alert["labels"]["model"], alert["event"]) for alert in told]


def keys(receiver: Receiver) -> list[str]:
    """The deduplication key of every request that PagerDuty got."""
    return [received.json()["dedup_key"] for received in receiver.received]


def incidents(receiver: Receiver) -> list[dict[str, str]]:
    assert isinstance(receiver.contract, PagerDuty)
    return receiver.contract.incidents


def firing(collector: CollectorProcess) -> set[str]:
    alerts = collector.snapshot()["alerts"]
    return {alert["labels"]["model"] for alert in alerts if alert["state"] == "firing"}


def channel(collector: CollectorProcess, name: str) -> dict[str, Any]:
    return collector.snapshot()["channels"][name]


def test_a_channel_that_hangs_delays_no_rule_and_no_other_channel(
    unstarted: Unstarted, slow: Receiver, fast: Receiver
) -> None:
    urls = HOOKS.format(slow=slow.url("/slow"), fast=fast.url("/fast"))
    collector = unstarted(urls + RULE.format(limit=5))
    collector.start()
    answering = slow.plan_silence()
    send(collector, "first")
    eventually(lambda: len(slow.received) == 1, 20, collector.log_text())
    send(collector, "second")
    eventually(
        lambda: events(fast) == [("first", "firing"), ("second", "firing")],
        20,
        collector.log_text(),
    )
    assert firing(collector) == {"first", "second"}
    assert (len(slow.received), slow.accepted) == (1, [])
    waiting = channel(collector, "slow")
    assert (waiting["waiting"], waiting["sent"], waiting["last_sent_ns"]) == (2, 0, None)
    answering.set()
    eventually(
        lambda: events(slow) == [("first", "firing"), ("second", "firing")],
        20,
        collector.log_text(),
    )


def test_a_collector_killed_before_it_could_deliver_delivers_once(
    unstarted: Unstarted, pager: Receiver
) -> None:
    for _ in range(20):
        pager.plan(503, "down")
    collector = unstarted(PAGER.format(url=pager.url(PAGERDUTY_PATH)) + RULE.format(limit=5))
    collector.start()
    send(collector, "first")
    eventually(lambda: len(pager.received) >= 1, 20, collector.log_text())
    collector.kill()
    pager.forget_plans()
    collector.start()
    eventually(lambda: len(incidents(pager)) == 1, 20, collector.log_text())
    send(collector, "second")
    eventually(lambda: len(incidents(pager)) == 2, 20, collector.log_text())
    assert len(pager.accepted) == 2
    assert len(set(keys(pager))) == 2


def test_a_collector_killed_while_it_delivers_repeats_itself_once_under_the_same_key(
    unstarted: Unstarted, pager: Receiver
) -> None:
    answering = pager.plan_silence()
    collector = unstarted(PAGER.format(url=pager.url(PAGERDUTY_PATH)) + RULE.format(limit=5))
    collector.start()
    send(collector, "first")
    eventually(lambda: len(pager.received) == 1, 20, collector.log_text())
    collector.kill()
    answering.set()
    eventually(lambda: len(incidents(pager)) == 1, 20, "the first request was not taken")
    collector.start()
    eventually(lambda: len(pager.accepted) == 2, 20, collector.log_text())
    send(collector, "second")
    eventually(lambda: len(incidents(pager)) == 2, 20, collector.log_text())
    first, again, second = keys(pager)
    assert first == again != second
    assert [incident["state"] for incident in incidents(pager)] == ["triggered", "triggered"]


def test_secrets_are_neither_logged_nor_shown(unstarted: Unstarted, pager: Receiver) -> None:
    pager.plan(400, json.dumps({"status": "invalid event", "errors": [f"key {ROUTING_KEY}"]}))
    collector = unstarted(PAGER.format(url=pager.url(PAGERDUTY_PATH)) + RULE.format(limit=5))
    collector.start()
    send(collector, "first")
    eventually(lambda: channel(collector, "pager")["failed"] == 1, 20, collector.log_text())
    shown = json.dumps(collector.snapshot()) + collector.client("status", "--json")
    assert ROUTING_KEY not in shown + collector.log_text()
