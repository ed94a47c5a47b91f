"""A real Prometheus Alertmanager receives what a real collector's rules find."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.alertmanager import Alertmanager, alertmanager
from support.collector import CollectorProcess, eventually
from support.receivers import Receiver, receiving

CONFIG = """
[channels.am]
type = "alertmanager"
urls = ["{url}"]
labels = {{ team = "ml" }}
link = "https://example.org/board"
refresh = "5s"

[[rule]]
name = "busy"
value = "requests"
by = ["model"]
warning = {{ above = {limit} }}
summary = "{{model}}: {{value}} requests"
runbook = "https://example.org/busy"
"""


@pytest.fixture
def hook() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def manager(tmp_path: Path, hook: Receiver) -> Iterator[Alertmanager]:
    with alertmanager(tmp_path, hook.url("/hook")) as running:
        yield running


@pytest.fixture
def collector(
    unstarted: Callable[[str], CollectorProcess], manager: Alertmanager
) -> CollectorProcess:
    process = unstarted(CONFIG.format(url=manager.url, limit=5))
    process.start()
    return process


def send(collector: CollectorProcess, *models: str) -> None:
    trace = collector.directory / "trace.jsonl"
    rows = (f'{{"model": "{model}", "latency_ms": 5}}\n' * 8 for model in models)
    trace.write_text("".join(rows))
    collector.client("replay", str(trace), "--speed", "max")


def told(hook: Receiver, status: str) -> set[str]:
    """Models whose alert Alertmanager told the webhook to be in this state."""
    alerts = (alert for received in hook.accepted for alert in received.json()["alerts"])
    return {alert["labels"]["model"] for alert in alerts if alert["status"] == status}


def states(manager: Alertmanager) -> dict[str, str]:
    return {alert["labels"]["model"]: alert["status"]["state"] for alert in manager.alerts()}


def test_alertmanager_receives_groups_silences_and_resolves(
    collector: CollectorProcess, manager: Alertmanager, hook: Receiver
) -> None:
    manager.silence("model", "known")
    send(collector, "small", "large", "known")
    eventually(lambda: told(hook, "firing") == {"small", "large"}, 20, collector.log_text())
    assert states(manager) == {"small": "active", "large": "active", "known": "suppressed"}
    [first, *_] = (received.json() for received in hook.accepted)
    assert first["groupLabels"] == {"alertname": "busy"}
    _check_alert(next(a for a in first["alerts"] if a["labels"]["model"] == "small"))

    before = {alert["updatedAt"] for alert in manager.alerts()}
    eventually(
        lambda: before.isdisjoint({alert["updatedAt"] for alert in manager.alerts()}),
        20,
        "the alerts that go on firing were not put again",
    )

    replacement = collector.directory / "new.toml"
    replacement.write_text(CONFIG.format(url=manager.url, limit=1000))
    replacement.rename(collector.config)
    eventually(lambda: told(hook, "resolved") == {"small", "large"}, 20, collector.log_text())
    eventually(lambda: states(manager) == {}, 20, "still there")
    assert told(hook, "firing") == {"small", "large"}


def _check_alert(alert: dict[str, Any]) -> None:
    labels = {"alertname": "busy", "severity": "warning", "model": "small", "team": "ml"}
    assert labels.items() <= alert["labels"].items()
    assert alert["annotations"]["summary"] == "small: 8 requests"
    assert alert["annotations"]["runbook_url"] == "https://example.org/busy"
    assert alert["generatorURL"] == "https://example.org/board"
