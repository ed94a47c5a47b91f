"""``llmmon status``: whether all is well, for people, status lines and scripts."""

from __future__ import annotations

from typing import Any, Final

import click

from llmmon.cli.client import ControlClient
from llmmon.cli.commands import EXIT_BAD
from llmmon.cli.ledger import ledger_lines
from llmmon.cli.options import connect_option, json_option
from llmmon.cli.tables import age_text, json_text, metric_text, plain
from llmmon.cli.view import VERSION, all_metrics, health_object, iso_time, state
from llmmon.protocol.curve import CurveKeys
from llmmon.protocol.endpoint import Address
from llmmon.protocol.snapshot import Snapshot, as_dict, decode_snapshot

_RANK: Final = {"ok": 0, "warning": 1, "critical": 2}
_PREFERRED_WINDOW_S: Final = 300


@click.command()
@json_option
@click.option(
    "--line", "form", flag_value="line", help="Print one line, for a prompt or a status bar."
)
@click.option("--all", "form", flag_value="all", help="Tell of agents that have ended, too.")
@click.option(
    "--fail-on",
    type=click.Choice(["warning", "critical"]),
    help="Exit 1 when an alert or a check is that bad or worse.",
)
@connect_option
@click.pass_context
def status(
    ctx: click.Context,
    as_json: bool,
    form: str | None,
    fail_on: str | None,
    address: Address,
    keys: CurveKeys | None,
) -> None:
    """Say whether the services and the collector are well."""
    if as_json and form == "line":
        raise click.UsageError("--json and --line exclude each other")
    with ControlClient(address, keys=keys) as control:
        collector = control.call("status")
        snapshot = decode_snapshot(control.call("snapshot", {"by": "model"}))
    if as_json:
        click.echo(json_text(status_object(collector, snapshot), indent=2))
    else:
        everything = form == "all"
        click.echo(
            status_line(snapshot)
            if form == "line"
            else status_text(collector, snapshot, everything)
        )
    if fail_on is not None and _RANK[state(snapshot)] >= _RANK[fail_on]:
        ctx.exit(EXIT_BAD)


def status_object(collector: dict[str, Any], snapshot: Snapshot) -> dict[str, Any]:
    """What ``llmmon status --json`` prints; ``collector`` is the control method's result."""
    return {
        "version": VERSION,
        "at": iso_time(snapshot.at_ns),
        "state": state(snapshot),
        "alerts": [as_dict(alert) for alert in snapshot.alerts],
        "health": health_object(snapshot),
        "problems": list(snapshot.problems),
        "collector": collector,
    }


def status_line(snapshot: Snapshot) -> str:
    """One line: the state, then the five numbers that people watch."""
    total = _total(snapshot)
    firing = sum(alert.state == "firing" for alert in snapshot.alerts)
    return plain(
        f"{snapshot.name} {state(snapshot)}"
        f" | {metric_text('request_rate', total['request_rate'])}"
        f" | p95 {metric_text('latency_p95', total['latency_p95'])}"
        f" | err {metric_text('error_rate', total['error_rate'])}"
        f" | {metric_text('hourly_cost', total['hourly_cost'])}/h"
        f" | {firing} firing"
    )


def _total(snapshot: Snapshot) -> dict[str, Any]:
    views = sorted(snapshot.windows, key=lambda view: abs(view.window_s - _PREFERRED_WINDOW_S))
    return all_metrics(views[0].total if views else {})


def status_text(collector: dict[str, Any], snapshot: Snapshot, everything: bool = False) -> str:
    """The line, then what is wrong, then the collector's books and agents."""
    uptime = age_text(collector.get("uptime_s") or 0)
    lines = [
        status_line(snapshot),
        plain(f"{collector.get('name')} {collector.get('version')} at {collector.get('address')}")
        + f", up {uptime}",
    ]
    lines += [f"problem: {plain(problem)}" for problem in snapshot.problems]
    lines += [
        f"{alert.severity} {alert.state}: {plain(alert.rule)}: {plain(alert.summary)}"
        for alert in snapshot.alerts
    ]
    lines += [
        f"check {plain(check.name)}: {plain(check.status)}: {plain(check.message)}"
        for check in snapshot.health
        if check.status != "ok"
    ]
    return "\n".join([*lines, *ledger_lines(collector, everything)])
