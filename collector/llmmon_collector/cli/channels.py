"""``llmmon-collector channels``: which there are, and whether they deliver."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NoReturn

import click

from llmmon.errors import ConfigError
from llmmon_collector.clock import SystemClock
from llmmon_collector.config.load import load
from llmmon_collector.config.suggest import nearest
from llmmon_collector.duration import format_duration
from llmmon_collector.logs import configure_logs, get_logger
from llmmon_collector.notify.model import DEFAULT_CHANNELS, ChannelSpec
from llmmon_collector.notify.result import Failed, Retry, Sent
from llmmon_collector.notify.trial import Attempt, Trial, is_delivered, try_channel

_BAD_USAGE: Final = 2
_NOT_DELIVERED: Final = 1
_config = click.option(
    "--config", type=click.Path(path_type=Path), help="Configuration file, as of llmmon-collector."
)


@click.group()
def channels() -> None:
    """See and try the channels over which alerts are told."""


@channels.command("list")
@_config
@click.pass_context
def list_channels(context: click.Context, config: Path | None) -> None:
    """Print the channels with what each is told."""
    known = _load(context, config)
    widths = [max(map(len, column)) for column in zip(*_names(known), strict=True)]
    for name, type_ in _names(known):
        told = _told(known[name])
        click.echo(f"{name:{widths[0]}}  {type_:{widths[1]}}  {told}")


@channels.command("test")
@click.argument("name")
@_config
@click.option(
    "--severity",
    type=click.Choice(["warning", "critical"]),
    default="warning",
    show_default=True,
    help="Of the alert that the test message is about.",
)
@click.pass_context
def try_one(context: click.Context, name: str, config: Path | None, severity: str) -> None:
    """Send a real test message over the channel NAME.

    It tells of an alert that fires and then that it is over, so that no incident stays open.
    Exits 1 when it was not delivered and 2 when the configuration is wrong.
    """
    known = _load(context, config)
    if name not in known:
        _refuse(f"there is no [channels.{name}]{nearest(name, known)}")
    configure_logs()
    log = get_logger("llmmon_collector.notify")

    def write(event: str, fields: Mapping[str, Any]) -> None:
        log.info(event, **fields)

    trial = Trial(name, known[name], severity, os.environ, write, SystemClock().wall_ns)
    try:
        attempts = asyncio.run(try_channel(trial))
    except ConfigError as error:
        _refuse(str(error))
    for attempt in attempts:
        click.echo(f"{name} ({known[name].type}), {_outcome(attempt)}")
    if not is_delivered(attempts):
        sys.exit(_NOT_DELIVERED)


def _load(context: click.Context, config: Path | None) -> Mapping[str, ChannelSpec]:
    above = context.find_root().params.get("config")
    try:
        loaded = load(config or above, os.environ, Path.cwd())
    except ConfigError as error:
        _refuse(str(error))
    return loaded.settings.channels or DEFAULT_CHANNELS


def _refuse(reason: str) -> NoReturn:
    click.echo(f"llmmon-collector: {reason}", err=True)
    sys.exit(_BAD_USAGE)


def _names(known: Mapping[str, ChannelSpec]) -> list[tuple[str, str]]:
    return [(name, spec.type) for name, spec in known.items()]


def _told(spec: ChannelSpec) -> str:
    told = "critical alerts" if spec.min_severity == "critical" else "all alerts"
    told += " and when they are over" if spec.send_resolved else ""
    if spec.rate_limit is not None:
        messages, per_s = spec.rate_limit
        told += f", at most {messages} messages in {format_duration(per_s)}"
    return told


def _outcome(attempt: Attempt) -> str:
    match attempt.result:
        case Sent(""):
            return f"{attempt.event}: delivered"
        case Sent(remark):
            return f"{attempt.event}: delivered, but {remark}"
        case Retry(reason, _):
            return f"{attempt.event}: not delivered: {reason}; a collector would try again"
        case Failed(reason):
            return f"{attempt.event}: refused: {reason}"
