"""``llmmon ack`` and ``llmmon silence``: what an operator tells the collector."""

from __future__ import annotations

import getpass
import os

import click

from llmmon.cli.client import ControlClient
from llmmon.cli.options import connect_option, duration_s
from llmmon.cli.tables import plain
from llmmon.protocol.curve import CurveKeys
from llmmon.protocol.endpoint import Address
from llmmon.protocol.names import DIMENSIONS


def _login() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # a container's user often has no name
        return f"uid {os.getuid()}"


_MATCHABLE = ("rule", *DIMENSIONS)


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
@click.argument("matchers", nargs=-1, required=True, metavar="NAME=VALUE...")
@click.option("--for", "length_s", default="1h", show_default=True, callback=duration_s)
@click.option("--by", default=_login, help="Who. [default: your login]")
@click.option("--comment", default="", help="Why, for those who read it later.")
@connect_option
def silence(
    matchers: tuple[str, ...],
    length_s: float,
    by: str,
    comment: str,
    address: Address,
    keys: CurveKeys | None,
) -> None:
    """Notify nobody of matching alerts, as in `llmmon silence rule=high_latency model=gpt-4o`."""
    params = {
        "matchers": dict(_matcher(text) for text in matchers),
        "duration_s": length_s,
        "by": by,
        "comment": comment,
    }
    with ControlClient(address, keys=keys) as control:
        result = control.call("silence", params)
    click.echo(f"silence {plain(result['id'])}")


def _matcher(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or name not in _MATCHABLE:
        expected = f"NAME=VALUE with one of {', '.join(_MATCHABLE)}"
        raise click.BadParameter(f"{text!r}: expected {expected}", param_hint="NAME=VALUE")
    return name, value
