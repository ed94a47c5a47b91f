"""What an operator sets out to do in the terminal UI, key by key."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.collector import PYTHON, CollectorProcess
from support.pane import Pane

from llmmon_tui.formatting import duration

CONFIG = """
[[rule]]
name = "any_request"
value = "requests"
window = "5m"
critical = { above = 30 }
"""
AGENT = """
import llmmon, time

llmmon.init(service="shop")
now_ns = time.time_ns()

def record(latency_ms, seconds_ago, **more):
    extra = {"start_ns": now_ns - seconds_ago * 10**9}
    llmmon.record(model="m-1", provider="acme", latency_ms=latency_ms, extra=extra, **more)

for n in range(60):
    record(9000 + n, 600, route="/old")
for n in range(40):
    record(10 + 20 * n, 1, route="/quick")
with llmmon.track("chat", model="m-2", provider="acme", request_id="the-slow-one") as request:
    with request.span("retrieve"):
        time.sleep(0.4)
    with request.span("generate"):
        time.sleep(0.8)
assert llmmon.flush(timeout_s=30).pending == 0
"""
"""Slow ones ten minutes ago, quick ones just now, none of which took a second, and a slow one."""


@pytest.fixture
def shop(short_dir: Path) -> Iterator[CollectorProcess]:
    """A collector that a service has told of all its requests."""
    collector = CollectorProcess(short_dir, CONFIG)
    collector.start()
    environ = {**os.environ, "LLMMON_ENDPOINT": collector.address}
    subprocess.run([PYTHON, "-c", AGENT], env=environ, check=True, timeout=60)
    yield collector
    collector.close()


@pytest.fixture
def panes_on(shop: CollectorProcess, panes: Callable[..., Pane]) -> Callable[..., Pane]:
    """Opens the terminal UI on the shop's collector, once it has its data."""

    def open_pane(width: int, height: int, *options: str) -> Pane:
        pane = panes(shop.address, width, height, *options)
        pane.shows("● LIVE")
        return pane

    return open_pane


def test_the_slowest_request_of_five_minutes_in_five_keys(
    shop: CollectorProcess, panes_on: Callable[..., Pane]
) -> None:
    [row] = shop.query("SELECT latency_ms FROM requests WHERE id = 'the-slow-one'")
    took = duration(row["latency_ms"])
    pane = panes_on(120, 40)

    keys = (
        ("3", ("[3 Requests]", "errors and slow first")),
        ("b", ("newest",)),
        ("b", ("slowest", f"max {took}")),
        ("Enter", ("trace the-slow-one", took, "retrieve", "generate", "2 spans")),
    )
    assert len(keys) <= 5
    for key, parts in keys:
        pane.press(key)
        pane.shows(*parts)


def test_acknowledged_and_silenced_as_a_reader_sees_it(
    shop: CollectorProcess, panes_on: Callable[..., Pane]
) -> None:
    actor, reader = panes_on(120, 40), panes_on(120, 40, "--readonly")
    actor.shows("CRIT any_request  41 > 30", "[a]ck", "a ack", "m mute")
    reader.shows("CRIT any_request  41 > 30", "1 firing")
    assert not [hidden for hidden in ("[a]ck", "a ack", "m mute") if hidden in reader.text]
    reader.press("a", "m", "?")
    reader.shows("search the keys")
    reader.press("Escape")
    reader.hides("search the keys")
    assert [alert["acknowledged_by"] for alert in shop.snapshot()["alerts"]] == [None]

    actor.press("a")
    actor.shows("✓ acknowledged any_request", "no new alert", "1 ack")
    [by] = [alert["acknowledged_by"] for alert in shop.snapshot()["alerts"]]
    reader.shows("no new alert", "1 ack")
    reader.press("6")
    reader.shows("[6 Alerts", "✓ any_request", by)

    actor.press("6")
    actor.shows("[6 Alerts", "any_request")
    actor.press("m")
    actor.shows("mute", "why? others see it")
    actor.type("known, deploy at noon")
    actor.press("Enter")
    actor.shows("⊘ 1 silenced")
    reader.shows("⊘ 1 silenced")
    reader.press("M")
    reader.shows("any_request", "known, deploy at noon", by)


def test_into_the_past_and_back(panes_on: Callable[..., Pane]) -> None:
    pane = panes_on(120, 40)
    pane.shows("m-1  acme", "m-2  acme")
    for _ in range(5):
        pane.press("[")
    pane.shows("◀ PAST", "9.0", ". live")
    pane.hides("m-2  acme")
    pane.press("3")
    pane.shows("[3 Requests]", "◀ PAST", "9.0")
    pane.hides("m-2")
    pane.press(".")
    pane.shows("● LIVE")
    pane.hides("PAST")
    pane.press("1")
    pane.shows("● LIVE", "m-2  acme")
