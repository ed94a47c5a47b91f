"""What an operator tells the collector: ``ack``, ``silence``, ``silences``, ``unsilence``."""

from __future__ import annotations

import getpass
import os
from typing import Any

import click

from llmmon.cli.client import ControlClient
from llmmon.cli.options import connect_option, duration_s, json_option, offered_durations
from llmmon.cli.tables import json_text, plain, table
from llmmon.cli.view import iso_time
from llmmon.errors import SchemaError
from llmmon.protocol.curve import CurveKeys
from llmmon.protocol.endpoint import Address


def _login() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # a container's user often has no name
        return f"uid {os.getuid()}"


def _delay_s(ctx: click.Context, param: click.Parameter, value: str | None) -> float:
    return 0.0 if value is None else duration_s(ctx, param, value)


@click.command()
@click.argument("alert_id")
@click.option("--by", default=_login, help="Who. [default: your login]")
@click.option("--note", default="", help="Why, for those who read it later.")
@connect_option
def ack(alert_id: str, by: str, note: str, address: Address, keys: CurveKeys | None) -> None:
    """Say that somebody looks after an alert; `llmmon snapshot` shows the ids."""
    with ControlClient(address, keys=keys) as control:
        control.call("acknowledge", {"alert_id": alert_id, "by": by, "note": note})
    click.echo(f"acknowledged {plain(alert_id)}")


@click.command()
@click.argument("matchers", nargs=-1, required=True, metavar="NAME=GLOB...")
@click.option(
    "--for",
    "duration_s",
    default="1h",
    show_default=True,
    callback=duration_s,
    shell_complete=offered_durations,
)
@click.option("--in", "delay_s", default=None, callback=_delay_s, help="Begin later, as in 2h.")
@click.option("--by", default=_login, help="Who. [default: your login]")
@click.option("--comment", default="", help="Why, for those who read it later.")
@connect_option
def silence(
    matchers: tuple[str, ...], address: Address, keys: CurveKeys | None, **told: str | float
) -> None:
    """Notify nobody of matching alerts, as in `llmmon silence rule=high_latency model=gpt-4*`.

    NAME is rule, severity or a label of the alert; `*`, `?` and `[abc]` stand for other text.
    """
    params = {"matchers": dict(_matcher(text) for text in matchers), **told}
    with ControlClient(address, keys=keys) as control:
        result = control.call("silence", params)
    click.echo(f"silence {plain(result['id'])}")


@click.command()
@json_option
@connect_option
def silences(as_json: bool, address: Address, keys: CurveKeys | None) -> None:
    """List silences: those in force, those to come, and those that ended lately."""
    with ControlClient(address, keys=keys) as control:
        found = control.call("silences")
    click.echo(json_text(found, indent=2) if as_json else _listed(found))


@click.command()
@click.argument("silence_id")
@click.option("--by", default=_login, help="Who. [default: your login]")
@connect_option
def unsilence(silence_id: str, by: str, address: Address, keys: CurveKeys | None) -> None:
    """End a silence now; `llmmon silences` shows the ids."""
    with ControlClient(address, keys=keys) as control:
        control.call("end_silence", {"id": silence_id, "by": by})
    click.echo(f"ended {plain(silence_id)}")


def _listed(found: Any) -> str:
    try:
        rows = [
            [
                one["id"],
                one["state"],
                " ".join(f"{name}={glob}" for name, glob in one["matchers"].items()),
                iso_time(one["starts_ns"]),
                iso_time(one["ends_ns"]),
                one["by"],
                one["comment"],
            ]
            for one in found
        ]
    except (KeyError, TypeError, AttributeError):
        raise SchemaError("silences: expected a list of them") from None
    headers = ("id", "state", "matches", "from", "to", "by", "why")
    return table(headers, rows) if rows else "no silences"


def _matcher(text: str) -> tuple[str, str]:
    name, equals, glob = text.partition("=")
    if not equals or not name:
        raise click.BadParameter(f"{text!r}: expected NAME=GLOB", param_hint="NAME=GLOB")
    return name, glob
