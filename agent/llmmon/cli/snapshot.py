"""``llmmon snapshot``: the numbers of one window, as JSON or as tables."""

from __future__ import annotations

from typing import Any

import click

from llmmon.cli.client import ControlClient
from llmmon.cli.options import (
    connect_option,
    dimensions,
    duration_s,
    json_option,
    offered_dimensions,
    offered_durations,
)
from llmmon.cli.tables import age_text, json_text, metric_text, plain, table
from llmmon.cli.view import snapshot_object
from llmmon.protocol.curve import CurveKeys
from llmmon.protocol.endpoint import Address
from llmmon.protocol.names import DIMENSIONS
from llmmon.protocol.snapshot import decode_snapshot

_COLUMNS = {
    "n": "requests",
    "p50": "latency_p50",
    "p95": "latency_p95",
    "p99": "latency_p99",
    "ttft p95": "ttft_p95",
    "errors": "error_rate",
    "tok/s": "tokens_per_second",
    "cost": "cost_usd",
    "quality": "quality_score_mean",
}
_MONEY = ("limit", "spent", "forecast")


@click.command()
@json_option
@click.option(
    "--window",
    default="5m",
    show_default=True,
    callback=duration_s,
    shell_complete=offered_durations,
)
@click.option(
    "--by",
    default="model",
    show_default=True,
    callback=dimensions,
    shell_complete=offered_dimensions,
    help=f"Group by some of {', '.join(DIMENSIONS)}.",
)
@connect_option
def snapshot(
    as_json: bool, window: float, by: tuple[str, ...], address: Address, keys: CurveKeys | None
) -> None:
    """Print the metrics of a window, the alerts, the health and the ledger."""
    view = fetch(address, int(window), by, keys)
    click.echo(json_text(view, indent=2) if as_json else snapshot_text(view))


def fetch(
    address: Address, window_s: int, by: tuple[str, ...], keys: CurveKeys | None = None
) -> dict[str, Any]:
    """The object of ``snapshot --json``.

    Raises:
        UnreachableError, ControlError, SchemaError: as ``ControlClient.call``.
    """
    with ControlClient(address, keys=keys) as control:
        metrics = control.call("metrics", {"window_s": window_s, "by": list(by)})
        status = control.call("status")
        published = decode_snapshot(control.call("snapshot", {"by": "model"}))
    return snapshot_object(metrics, status, published)


def snapshot_text(view: dict[str, Any]) -> str:
    """The same for people: the whole, its groups, what is judged, and the ledger."""
    labels = [name for name in DIMENSIONS if any(name in row for row in view["series"])]
    busiest = sorted(view["series"], key=lambda row: -(row["requests"] or 0))
    rows = [[*(row.get(name) for name in labels), *_cells(row)] for row in busiest]
    whole = [*(["all"] + [""] * len(labels))[: len(labels)], *_cells(view["total"])]
    parts = [
        f"{plain(view['at'])}  window {age_text(view['window_s'])}",
        table([*labels, *_COLUMNS], [whole, *rows]),
        _alerts_text(view["alerts"]),
        _slos_text(view["slos"]),
        _budgets_text(view["budgets"]),
        _health_text(view["health"]),
        _channels_text(view["channels"]),
        _ingest_text(view["ingest"]),
    ]
    return "\n\n".join(part for part in parts if part)


def _cells(row: dict[str, Any]) -> list[str]:
    return [metric_text(name, row[name]) for name in _COLUMNS.values()]


def _alerts_text(alerts: list[dict[str, Any]]) -> str:
    if not alerts:
        return "no alerts"
    rows = [
        [alert["state"], alert["severity"], alert["rule"], alert["summary"], alert["id"]]
        for alert in alerts
    ]
    return table(["alert", "severity", "rule", "summary", "id"], rows)


def _health_text(health: dict[str, Any]) -> str:
    if not health:
        return ""
    rows = [[name, check["status"], check["message"]] for name, check in health.items()]
    return table(["check", "status", "message"], rows)


def _slos_text(slos: list[dict[str, Any]]) -> str:
    rows = [
        [
            _group_text(slo),
            f"{slo['objective']:.6g}",
            _share_text(slo["attained"], 3),
            _share_text(slo["budget_left"], 1),
            "never" if slo["exhausted_in_s"] is None else age_text(slo["exhausted_in_s"]),
            slo["severity"] or "ok",
        ]
        for slo in slos
    ]
    headers = ["slo", "objective", "attained", "budget left", "spent in", "state"]
    return table(headers, rows) if rows else ""


def _budgets_text(budgets: list[dict[str, Any]]) -> str:
    rows = [
        [
            _group_text(budget),
            budget["period"],
            *(metric_text("cost_usd", budget[f"{name}_usd"]) for name in _MONEY),
            budget["unpriced_requests"],
            budget["severity"] or "ok",
        ]
        for budget in budgets
    ]
    return table(["budget", "period", *_MONEY, "unpriced", "state"], rows) if rows else ""


def _channels_text(channels: dict[str, dict[str, Any]]) -> str:
    rows = [
        [name, channel["type"], channel["sent"], channel["waiting"], channel["last_error"]]
        for name, channel in channels.items()
    ]
    return table(["channel", "type", "sent", "waiting", "last error"], rows) if rows else ""


def _group_text(view: dict[str, Any]) -> str:
    labels = ", ".join(f"{name}={value}" for name, value in view["labels"].items())
    return f"{view['name']} ({labels})" if labels else str(view["name"])


def _share_text(share: float | None, digits: int) -> str | None:
    return None if share is None else f"{share:.{digits}%}"


def _ingest_text(ingest: dict[str, Any]) -> str:
    lost = sum((ingest["events_lost"] or {}).values())
    return (
        f"{plain(ingest['agents'])} agents, {plain(ingest['events_stored'])} events stored, "
        f"{plain(ingest['events_in_flight'])} in flight, {lost} lost, "
        f"{plain(ingest['late_events'])} late"
    )
