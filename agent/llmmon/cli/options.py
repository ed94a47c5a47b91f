"""Options that several commands share, and what their texts stand for."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Callable
from typing import Any, Final

import click

from llmmon.errors import EndpointError, LlmmonError
from llmmon.keyfile import read_client_file
from llmmon.protocol.curve import KEY_FILE_VARIABLE, CurveKeys
from llmmon.protocol.endpoint import (
    ENDPOINT_VARIABLE,
    Address,
    default_address,
    parse_address,
)
from llmmon.protocol.names import DIMENSIONS

Command = Callable[..., Any]
_UNIT_S: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_WINDOWS: Final = ("1m", "5m", "1h", "24h")
_PART: Final = re.compile(r"(\d+(?:\.\d+)?)([smhd])")
_DURATION: Final = re.compile(rf"(?:{_PART.pattern})+")


def duration_s(ctx: click.Context, param: click.Parameter, value: str) -> float:
    """Callback: seconds in ``30s``, ``5m``, ``1h30m``, ``7d``."""
    parts = _PART.findall(value) if _DURATION.fullmatch(value) else []
    seconds = sum(float(number) * _UNIT_S[unit] for number, unit in parts)
    if not seconds:
        reason = f"{value!r}: expected numbers with s, m, h or d, as in 5m or 1h30m"
        raise click.BadParameter(reason, ctx, param)
    return seconds


def offered_durations(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Completion: usual windows."""
    return [window for window in _WINDOWS if window.startswith(incomplete)]


def offered_dimensions(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Completion: what has been typed with each dimension that it does not name yet at its end."""
    chosen, comma, begun = incomplete.rpartition(",")
    left = [name for name in DIMENSIONS if name not in chosen.split(",")]
    return [f"{chosen}{comma}{name}" for name in left if name.startswith(begun)]


def dimensions(ctx: click.Context, param: click.Parameter, value: str) -> tuple[str, ...]:
    """Callback: the dimension names in ``model,operation``."""
    names = tuple(name.strip() for name in value.split(",") if name.strip())
    if wrong := [name for name in names if name not in DIMENSIONS]:
        reason = f"{', '.join(wrong)}: expected some of {', '.join(DIMENSIONS)}"
        raise click.BadParameter(reason, ctx, param)
    return names


def _address(ctx: click.Context, param: click.Parameter, value: str | None) -> Address:
    text = value or default_address(os.environ, os.getuid(), tempfile.gettempdir())
    try:
        return parse_address(text)
    except EndpointError as error:
        reason = str(error) if value else f"{ENDPOINT_VARIABLE}: {error}"
        raise click.BadParameter(reason, ctx, param) from error


def _keys(ctx: click.Context, param: click.Parameter, value: str | None) -> CurveKeys | None:
    try:
        return read_client_file(value).keys if value else None
    except LlmmonError as error:
        raise click.BadParameter(str(error), ctx, param) from error


_CONNECT: Final = click.option(
    "--connect",
    "address",
    metavar="ADDRESS",
    callback=_address,
    help="The collector, ipc://DIR or tcp://HOST:PORT. [default: LLMMON_ENDPOINT, or your own]",
)
_KEY_FILE: Final = click.option(
    "--key-file",
    "keys",
    metavar="FILE",
    envvar=KEY_FILE_VARIABLE,
    callback=_keys,
    help=f"Your key, for a collector over TCP. [default: {KEY_FILE_VARIABLE}]",
)
_JSON: Final = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def connect_option(command: Command) -> Command:
    """``--connect`` and ``--key-file``: ``address: Address`` and ``keys: CurveKeys | None``."""
    return _CONNECT(_KEY_FILE(command))


def json_option(command: Command) -> Command:
    """``--json``, given to the command as ``as_json: bool``."""
    return _JSON(command)
