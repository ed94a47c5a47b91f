"""``llmmon query``: SQL over what the collector has stored."""

from __future__ import annotations

from itertools import count
from typing import Any, Final

import click

from llmmon.cli.client import ControlClient
from llmmon.cli.options import connect_option
from llmmon.cli.tables import csv_text, json_text, table
from llmmon.protocol.curve import CurveKeys
from llmmon.protocol.endpoint import Address

_LIMIT: Final = 10_000


@click.command()
@click.argument("sql")
@click.option(
    "--format",
    "shape",
    type=click.Choice(["table", "csv", "json"]),
    default="table",
    show_default=True,
)
@click.option(
    "--limit", type=click.IntRange(1, 1_000_000), default=_LIMIT, show_default=True, help="Rows."
)
@click.option(
    "--timeout",
    "timeout_s",
    type=click.FloatRange(0.1, 600),
    default=10.0,
    show_default=True,
    help="Seconds the query may take.",
)
@connect_option
def query(
    sql: str, shape: str, limit: int, timeout_s: float, address: Address, keys: CurveKeys | None
) -> None:
    """Run one read-only SQL statement and print its rows.

    Tables: requests, spans, logs, scores, alerts, health, rollups, agents.
    """
    params = {"sql": sql, "limit": limit, "timeout_s": timeout_s}
    with ControlClient(address, keys=keys) as control:
        result = control.call("query", params, more_s=timeout_s)
    click.echo(result_text(result["columns"], result["rows"], shape))
    if result["truncated"]:
        click.echo(f"only the first {len(result['rows'])} rows: raise --limit", err=True)


def result_text(columns: list[str], rows: list[list[Any]], shape: str) -> str:
    """Rows as a table, as CSV, or as a JSON list of objects."""
    if shape == "json":
        names = distinct(columns)
        return json_text([dict(zip(names, row, strict=True)) for row in rows], indent=2)
    return csv_text(columns, rows) if shape == "csv" else table(columns, rows)


def distinct(columns: list[str]) -> list[str]:
    """The names, with a number behind what stands there already, as after a join."""
    names: list[str] = []
    for name in columns:
        taken = {*names, *columns} if name in names else set()
        numbered = (f"{name}_{n}" for n in count(2))
        names.append(next(n for n in numbered if n not in taken) if taken else name)
    return names
