"""The states in which every screen is looked at: what a collector tells, and what its store has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from llmmon.protocol.names import METRICS
from llmmon.protocol.snapshot import Group, Snapshot, WindowView
from support.snapshots import (
    AT_NS,
    alert,
    budget,
    burning_slo,
    busy_snapshot,
    channel,
    check,
    empty_snapshot,
    failing_channel,
    ingest,
    metrics,
    slo,
)
from support.viewer_store import MODELS, Keys

LONG: Final = (
    ("accounts/fireworks/deployments", "meta-llama/Llama-4-Maverick-17B-128E-Instruct-FP8-turbo"),
    ("amazon-bedrock-eu-central-1", "anthropic.claude-sonnet-4-5-20250929-v1:0:200k-thinking"),
)
WIDE: Final = (
    ("通义", "通义千问-最大-客服聊天机器人"),
    ("中东", "نموذج-المحادثة-الكبير"),
    ("カスタム", "モデル日本語テスト版"),
)


@dataclass(frozen=True, slots=True)
class State:
    """One state: the snapshot, and the series that the store has events of."""

    snapshot: Snapshot
    models: Keys = MODELS
    is_gone: bool = False
    """Whether the collector leaves once the screen is full."""
    is_past: bool = False
    """Whether a step back is made."""


def states() -> Mapping[str, State]:
    """All of them, by name."""
    return {
        "empty": State(empty_snapshot(), ()),
        "one": State(_of([MODELS[0]]), MODELS[:1]),
        "busy": State(busy_snapshot()),
        "firing": State(_firing()),
        "disconnected": State(busy_snapshot(), is_gone=True),
        "past": State(busy_snapshot(), is_past=True),
        "thousand": State(_of([(f"provider-{n % 7}", f"model-{n:04d}") for n in range(1000)])),
        "long": State(_named(LONG), LONG),
        "wide": State(_named(WIDE), WIDE),
        "missing": State(_missing()),
    }


def past_of(snapshot: Snapshot, at_ns: int) -> Snapshot:
    """What the store tells of an instant: no more than it knows."""
    return replace(snapshot, at_ns=at_ns, seq=0, alerts=snapshot.alerts[:1])


def _of(models: Keys, **changes: Any) -> Snapshot:
    """A busy snapshot of these models, each a little unlike the one before."""
    windows = [
        replace(window, groups=tuple(_group(window, models, place) for place in range(len(models))))
        for window in busy_snapshot().windows
    ]
    return busy_snapshot(windows=tuple(windows), ingest=ingest(series=len(models)), **changes)


def _group(window: WindowView, models: Keys, place: int) -> Group:
    provider, model = models[place]
    scale = window.window_s / 300 / (place + 1)
    unlike = {
        "latency_p95": 900.0 + 37 * (place % 100),
        "error_rate": 0.001 * (place % 40),
        "request_rate": 4.12 / (place + 1),
        "hourly_cost": 38.1 / (place + 1),
    }
    return Group({"provider": provider, "model": model}, metrics(scale, **unlike))


def _named(models: Keys) -> Snapshot:
    """Every name that is shown is like these."""
    provider, model = models[0]
    labels = {"provider": provider, "model": model}
    name = model.replace("/", "-")
    return _of(
        models,
        name=f"collector-{name}",
        alerts=(alert(rule=f"rule-{name}", labels=labels, acknowledged_by=None),),
        health=(check(f"check-{name}", status="failing", message=f"{name} does not answer"),),
        slos=(slo(name=f"slo-{name}", labels=labels),),
        budgets=(budget(name=f"budget-{name}", labels=labels),),
        channels=(failing_channel(f"channel-{name}"),),
    )


def _firing() -> Snapshot:
    """Alerts in every state, checks and channels that fail, budgets that are spent."""
    hour_ns = 3600 * 10**9
    return busy_snapshot(
        alerts=(
            *busy_snapshot().alerts,
            alert(id="a", rule="critical_latency", acknowledged_by="ops", since_ns=AT_NS - hour_ns),
            alert(id="b", rule="cost_spike", silenced_until_ns=AT_NS + hour_ns, labels={}),
            alert(id="f", rule="provider_errors", flapping=True),
            alert(id="i", rule="high_latency", inhibited_by="critical_latency"),
            alert(id="p", rule="queue_grows", state="pending", fired_ns=None),
            alert(id="r", rule="slow", state="resolved", resolved_ns=AT_NS - 80 * 10**9),
        ),
        health=(
            *busy_snapshot().health,
            check("redis", status="failing", message="connection refused", flapping=True),
            check("search", slow=True, took_ms=4200.0),
        ),
        channels=(failing_channel(), channel("mail", type="email", given_up=3)),
        slos=(burning_slo(), slo(name="young", covered_s=3 * 3600.0)),
        budgets=(budget(spent_usd=6320.5, exhausted_ns=AT_NS - hour_ns, severity="critical"),),
        problems=("rules.d/x.toml: line 3: unknown metric latncy_p95, nearest latency_p95",),
    )


def _missing() -> Snapshot:
    """Requests that told nothing but that they were: no latency, no tokens, no price, no score."""
    told = {"requests", "request_rate", "errors", "error_rate"}
    unknown = dict.fromkeys(set(METRICS) - told)
    windows = [
        replace(
            window,
            total=dict(window.total) | unknown | {"unpriced_requests": 1236},
            previous={},
            groups=tuple(Group(one.labels, dict(one.metrics) | unknown) for one in window.groups),
            quality_buckets=(0, 0, 0, 0, 0),
        )
        for window in busy_snapshot().windows
    ]
    nothing = ingest(fold_lag_s=None, events_lost={})
    return busy_snapshot(windows=tuple(windows), ingest=nothing, slos=(), budgets=(), channels=())
