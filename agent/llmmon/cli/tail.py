"""``llmmon tail``: what happens, as it happens, one line each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import click

from llmmon.cli.client import ControlClient, Subscriber
from llmmon.cli.options import connect_option, json_option
from llmmon.cli.tables import json_text, plain
from llmmon.cli.view import iso_time
from llmmon.errors import SchemaError
from llmmon.protocol.codec import unpack
from llmmon.protocol.curve import CurveKeys
from llmmon.protocol.endpoint import Address
from llmmon.protocol.snapshot import MAX_ITEMS, TAIL_TOPIC

_SILENCE_S: Final = 5.0
"""After so long without a word the collector is asked whether it still lives."""


@click.command()
@click.argument("what", type=click.Choice(["alerts", "requests", "logs", "errors"]))
@json_option
@click.option("--limit", type=click.IntRange(min=1), help="Stop after so many rows.")
@connect_option
def tail(
    what: str, as_json: bool, limit: int | None, address: Address, keys: CurveKeys | None
) -> None:
    """Print alerts, requests, logs or errors as they come, until Ctrl-C."""
    topics = [TAIL_TOPIC + what]
    with ControlClient(address, keys=keys) as control, Subscriber(address, topics, keys) as feed:
        control.call("status")
        for count, row in enumerate(follow(control, feed), 1):
            click.echo(json_text(row) if as_json else row_text(row))
            if count == limit:
                return


def follow(control: ControlClient, feed: Subscriber) -> Iterator[dict[str, Any]]:
    """Rows without end.

    Raises:
        UnreachableError: nothing came, and the collector does not answer either.
        SchemaError: what came is no list of rows.
    """
    while True:
        message = feed.receive(_SILENCE_S)
        if message is None:
            control.call("status")
            continue
        rows, sampled_out = decode_rows(message[1])
        yield from rows
        if sampled_out:
            click.echo(f"({sampled_out} more in a busy second, not shown)", err=True)


def decode_rows(payload: bytes) -> tuple[list[dict[str, Any]], int]:
    """The rows of one tail message, and how many were left out of it.

    Raises:
        SchemaError: another shape than ``{"rows": [row], "sampled_out": n}``.
    """
    match unpack(payload, MAX_ITEMS):
        case {"rows": list() as rows, "sampled_out": int() as sampled_out} if all(
            isinstance(row, dict) for row in rows
        ):
            return rows, sampled_out
    raise SchemaError("tail: expected rows and sampled_out")


def row_text(row: dict[str, Any]) -> str:
    """A row on one line: what it tells, times as dates."""
    told = [(name, value) for name, value in row.items() if value not in (None, "")]
    return "  ".join(f"{plain(name)}={_value_text(name, value)}" for name, value in told)


def _value_text(name: str, value: Any) -> str:
    if name.endswith("_ns") and isinstance(value, int):
        return iso_time(value)
    return f"{value:.6g}" if isinstance(value, float) else plain(value)
