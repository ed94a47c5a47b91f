"""`llmmon-tui`: the command line."""

from __future__ import annotations

import asyncio
import getpass
import importlib
import os
import re
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

import click
from click.shell_completion import BashComplete, FishComplete, ShellComplete, ZshComplete

from llmmon.errors import EndpointError, LlmmonError
from llmmon.protocol.curve import KEY_FILE_VARIABLE, CurveKeys
from llmmon.protocol.endpoint import Address, default_address, parse_address
from llmmon.protocol.snapshot import GROUPINGS
from llmmon_tui.options import Options

EXIT_UNREACHABLE: Final = 3
_WIDTH: Final = 120
"""Columns of a printed picture where the output is no terminal."""
_NAME: Final = "llmmon-tui"
_SHELLS: Final[dict[str, type[ShellComplete]]] = {
    "bash": BashComplete,
    "zsh": ZshComplete,
    "fish": FishComplete,
}
_THEMES: Final = ("dark", "light", "safe", "ansi")
_WINDOWS: Final = ("1m", "5m", "1h", "24h")
_WEB_PORT: Final = 8642
_WINDOW: Final = re.compile(r"(\d+)([smhd])")
_UNIT_S: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def _addresses(
    ctx: click.Context, param: click.Parameter, values: tuple[str, ...]
) -> tuple[Address, ...]:
    default = default_address(os.environ, os.getuid(), tempfile.gettempdir())
    try:
        return tuple(dict.fromkeys(parse_address(value) for value in values or (default,)))
    except EndpointError as error:
        raise click.BadParameter(str(error), ctx, param) from error


def _keys(
    ctx: click.Context, param: click.Parameter, values: tuple[Path, ...]
) -> tuple[CurveKeys, ...]:
    read = importlib.import_module("llmmon_tui.keyfile").read_keys if values else None
    try:
        return tuple(read(value) for value in values) if read is not None else ()
    except LlmmonError as error:
        raise click.BadParameter(str(error), ctx, param) from error


def _targets(
    addresses: tuple[Address, ...], keys: tuple[CurveKeys, ...]
) -> list[tuple[Address, CurveKeys | None]]:
    """Each address with its key: the files in the order of the addresses over TCP that need one."""
    over_tcp = [address for address in addresses if str(address).startswith("tcp://")]
    if len(keys) not in {0, max(1, len(over_tcp))}:
        raise click.UsageError(
            f"{len(keys)} --key-file for {len(over_tcp)} addresses over tcp: "
            "give one for each, in their order"
        )
    by_address = dict(zip(over_tcp, keys, strict=False))
    return [(address, by_address.get(address)) for address in addresses]


def _window(ctx: click.Context, param: click.Parameter, value: str) -> int:
    found = _WINDOW.fullmatch(value)
    if found is None or int(found[1]) == 0:
        raise click.BadParameter(f"{value!r}: expected 30s, 5m, 1h or 1d", ctx, param)
    return int(found[1]) * _UNIT_S[found[2]]


def _offered_windows(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    return [window for window in _WINDOWS if window.startswith(incomplete)]


def _print_completion(ctx: click.Context, param: click.Parameter, shell: str | None) -> None:
    if shell is None or ctx.resilient_parsing:
        return
    completion = _SHELLS[shell](ctx.command, {}, _NAME, "_LLMMON_TUI_COMPLETE")
    click.echo(completion.source(), nl=False)
    ctx.exit()


class _Remembering(click.Command):
    """Takes what was chosen in earlier runs for what the command line does not say."""

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        settings = _settings()
        preferences = importlib.import_module("llmmon_tui.preferences")
        extra.setdefault("default_map", preferences.option_defaults(settings.preferences))
        extra.setdefault("obj", settings)
        return super().make_context(info_name, args, parent, **extra)


def _settings() -> Any:
    settings = importlib.import_module("llmmon_tui.settings")
    kept = settings.Settings(settings.settings_path(os.environ), _THEMES)
    kept.load()
    return kept


def _offered_views(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    names: list[str] = importlib.import_module("llmmon_tui.settings").view_names(os.environ)
    return [name for name in names if name.startswith(incomplete)]


@click.command(cls=_Remembering, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--connect",
    "addresses",
    metavar="ADDRESS",
    multiple=True,
    callback=_addresses,
    help="The collector, ipc://DIR or tcp://HOST:PORT; again for more, which are shown as one. "
    "[default: LLMMON_ENDPOINT, or your own]",
)
@click.option(
    "--key-file",
    "keys",
    metavar="FILE",
    type=click.Path(path_type=Path),
    envvar=KEY_FILE_VARIABLE,
    multiple=True,
    callback=_keys,
    help=f"Your key, for a collector over TCP; one for each. [default: {KEY_FILE_VARIABLE}]",
)
@click.option("--alerts", is_flag=True, help="The narrow side panel, at any width.")
@click.option(
    "--window",
    "window_s",
    default="5m",
    callback=_window,
    shell_complete=_offered_windows,
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
    type=click.Choice(_THEMES),
    default="dark",
    show_default=True,
    help="Colours; NO_COLOR has the last word.",
)
@click.option("--bell/--no-bell", help="Ring at a new critical alert.")
@click.option(
    "--view",
    metavar="NAME",
    default="",
    shell_complete=_offered_views,
    help="A saved view to begin with.",
)
@click.option("--once", is_flag=True, help="Print one picture as text and exit.")
@click.option("--web", is_flag=True, help="Serve the screen to a browser on this machine.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=_WEB_PORT,
    show_default=True,
    help="Of --web; 0 takes one that is free.",
)
@click.option(
    "--completion",
    type=click.Choice(tuple(_SHELLS)),
    is_eager=True,
    expose_value=False,
    callback=_print_completion,
    help="Print a script that completes this command in your shell, and exit.",
)
@click.version_option(package_name="llmmon", prog_name=_NAME)
@click.pass_obj
def llmmon_tui(
    settings: Any,
    /,
    once: bool,
    alerts: bool,
    web: bool,
    port: int,
    **choices: Any,
) -> None:
    """Watch an llmmon collector in the terminal. Press ? for the keys.

    Exit codes: 0 fine, 2 usage, 3 no collector answers (with --once).
    """
    if web and once:
        raise click.UsageError("--web and --once exclude each other")
    if web:
        _serve(port)
        return
    (address, key), *others = _targets(choices.pop("addresses"), choices.pop("keys"))
    if once and others:
        raise click.UsageError("--once takes one --connect")
    options = Options(
        address, side=alerts, operator=_operator(), keys=key, others=tuple(others), **choices
    )
    if once:
        _print_once(options)
        return
    app = importlib.import_module("llmmon_tui.app").LlmmonApp(options)
    app.settings = settings
    app.run()
    raise SystemExit(app.return_code or 0)


def _serve(port: int) -> None:
    server = importlib.import_module("llmmon_tui.web.server")
    try:
        server.serve(server.screen_arguments(sys.argv[1:]), port=port)
    except LlmmonError as error:
        raise click.UsageError(str(error)) from error


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
