"""`llmmon-tui`: the command line."""

from __future__ import annotations

import asyncio
import getpass
import importlib
import os
import re
import shutil
import tempfile
from pathlib import Path
from typing import Any, Final

import click

from llmmon.errors import EndpointError, LlmmonError
from llmmon.protocol.curve import KEY_FILE_VARIABLE, CurveKeys
from llmmon.protocol.endpoint import Address, default_address, parse_address
from llmmon.protocol.snapshot import GROUPINGS
from llmmon_tui.options import Options

EXIT_UNREACHABLE: Final = 3
_WIDTH: Final = 120
"""Columns of a printed picture where the output is no terminal."""
_WINDOW: Final = re.compile(r"(\d+)([smhd])")
_UNIT_S: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def _address(ctx: click.Context, param: click.Parameter, value: str | None) -> Address:
    try:
        return parse_address(
            value or default_address(os.environ, os.getuid(), tempfile.gettempdir())
        )
    except EndpointError as error:
        raise click.BadParameter(str(error), ctx, param) from error


def _keys(ctx: click.Context, param: click.Parameter, value: Path | None) -> CurveKeys | None:
    if value is None:
        return None
    try:
        keys: CurveKeys = importlib.import_module("llmmon_tui.keyfile").read_keys(value)
    except LlmmonError as error:
        raise click.BadParameter(str(error), ctx, param) from error
    return keys


def _window(ctx: click.Context, param: click.Parameter, value: str) -> int:
    found = _WINDOW.fullmatch(value)
    if found is None or int(found[1]) == 0:
        raise click.BadParameter(f"{value!r}: expected 30s, 5m, 1h or 1d", ctx, param)
    return int(found[1]) * _UNIT_S[found[2]]


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--connect",
    "address",
    metavar="ADDRESS",
    callback=_address,
    help="The collector, ipc://DIR or tcp://HOST:PORT. [default: LLMMON_ENDPOINT, or your own]",
)
@click.option(
    "--key-file",
    "keys",
    metavar="FILE",
    type=click.Path(path_type=Path),
    envvar=KEY_FILE_VARIABLE,
    callback=_keys,
    help=f"Your key, for a collector over TCP. [default: {KEY_FILE_VARIABLE}]",
)
@click.option("--alerts", is_flag=True, help="The narrow side panel, at any width.")
@click.option(
    "--window",
    "window_s",
    default="5m",
    callback=_window,
    show_default=True,
    help="Window to begin with.",
)
@click.option(
    "--by",
    type=click.Choice(GROUPINGS),
    default="model",
    show_default=True,
    help="Grouping to begin with.",
)
@click.option(
    "--rate",
    "rate_hz",
    type=click.FloatRange(0.2, 10),
    default=2.0,
    show_default=True,
    help="Frames a second, at most.",
)
@click.option("--ascii", "ascii_only", is_flag=True, help="No character beyond ASCII.")
@click.option("--readonly", is_flag=True, help="Take away the keys that change something.")
@click.option(
    "--theme",
    type=click.Choice(("dark", "light", "safe", "ansi")),
    default="dark",
    show_default=True,
    help="Colours; NO_COLOR has the last word.",
)
@click.option("--bell", is_flag=True, help="Ring at a new critical alert.")
@click.option("--once", is_flag=True, help="Print one picture as text and exit.")
@click.version_option(package_name="llmmon", prog_name="llmmon-tui")
def llmmon_tui(once: bool, alerts: bool, **choices: Any) -> None:
    """Watch an llmmon collector in the terminal. Press ? for the keys.

    Exit codes: 0 fine, 2 usage, 3 no collector answers (with --once).
    """
    options = Options(side=alerts, operator=_operator(), **choices)
    if once:
        _print_once(options)
        return
    importlib.import_module("llmmon_tui.app").LlmmonApp(options).run()


def _operator() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return f"uid {os.getuid()}"


def _print_once(options: Options) -> None:
    once = importlib.import_module("llmmon_tui.once")
    width = shutil.get_terminal_size((_WIDTH, 0)).columns
    try:
        lines = asyncio.run(once.picture_lines(options, width))
    except LlmmonError as error:
        click.echo(f"Error: {error}", err=True)
        raise SystemExit(EXIT_UNREACHABLE) from None
    for line in lines:
        click.echo(line)
