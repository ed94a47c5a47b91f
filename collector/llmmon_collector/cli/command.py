"""``llmmon-collector``: reads the command line and runs the daemon, or a command."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from pathlib import Path
from typing import Final

import click
from click.shell_completion import BashComplete, FishComplete, ShellComplete, ZshComplete

from llmmon.errors import ConfigError, EndpointError, LlmmonError
from llmmon.protocol.endpoint import Address, default_address, parse_address
from llmmon_collector import __version__
from llmmon_collector.cli.channels import channels
from llmmon_collector.config.load import Loaded, default_state_dir, load
from llmmon_collector.config.settings import CollectorSettings
from llmmon_collector.daemon import Daemon
from llmmon_collector.httpd.bind import parse_bind
from llmmon_collector.logs import LEVELS, configure_logs
from llmmon_collector.place import Place
from llmmon_collector.security.plan import keys_for
from llmmon_collector.systemd import ServiceManager

_BAD_USAGE: Final = 2
_SHELLS: Final[dict[str, type[ShellComplete]]] = {
    "bash": BashComplete,
    "zsh": ZshComplete,
    "fish": FishComplete,
}


def _print_completion(ctx: click.Context, param: click.Parameter, shell: str | None) -> None:
    if shell is None or ctx.resilient_parsing:
        return
    completion = _SHELLS[shell](ctx.command, {}, "llmmon-collector", "_LLMMON_COLLECTOR_COMPLETE")
    click.echo(completion.source(), nl=False)
    ctx.exit()


@click.group(invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    help="Configuration file. Else LLMMON_CONFIG, ./llmmon.toml, "
    "$XDG_CONFIG_HOME/llmmon/llmmon.toml, /etc/llmmon/llmmon.toml; none is needed.",
)
@click.option("--listen", metavar="ADDRESS", help="ipc://DIR or tcp://HOST:PORT.")
@click.option(
    "--state",
    type=click.Path(path_type=Path, file_okay=False),
    help="State directory. Else $XDG_STATE_HOME/llmmon.",
)
@click.option("--http", metavar="HOST:PORT", help='HTTP endpoints; "" for none.')
@click.option("--log-level", type=click.Choice(LEVELS), default="info", show_default=True)
@click.option("--check", is_flag=True, help="Check the configuration and exit.")
@click.option(
    "--completion",
    type=click.Choice(tuple(_SHELLS)),
    is_eager=True,
    expose_value=False,
    callback=_print_completion,
    help="Print a script that completes this command in your shell, and exit.",
)
@click.version_option(__version__, prog_name="llmmon-collector")
def main(
    config: Path | None,
    listen: str | None,
    state: Path | None,
    http: str | None,
    log_level: str,
    check: bool,
) -> None:
    """Collect, keep and watch what llmmon agents send.

    Without a command, run the collector.
    """
    if click.get_current_context().invoked_subcommand is not None:
        return
    configure_logs(log_level)
    try:
        loaded = load(config, os.environ, Path.cwd())
        place = _place(loaded, listen, state, http)
        if check:
            click.echo(f"fine: {', '.join(map(str, loaded.sources)) or 'no file, all defaults'}")
            return
        asyncio.run(_run(loaded, place))
    except LlmmonError as error:
        click.echo(f"llmmon-collector: {error}", err=True)
        sys.exit(_BAD_USAGE if isinstance(error, ConfigError) else 1)


main.add_command(channels)


async def _run(loaded: Loaded, place: Place) -> None:
    manager = ServiceManager.from_environ(os.environ, os.getpid())
    await Daemon(loaded, place, manager, os.environ, Path.cwd()).run()


def _place(loaded: Loaded, listen: str | None, state: Path | None, http: str | None) -> Place:
    chosen = loaded.settings.collector
    directory = state or (Path(chosen.state_dir) if chosen.state_dir else None)
    address = _address(chosen, listen)
    return Place(
        address=address,
        state_dir=(directory or default_state_dir(os.environ)).absolute(),
        http=_http(chosen, http),
        environ=os.environ,
        keys=keys_for(address, loaded.settings.security, os.environ),
    )


def _address(chosen: CollectorSettings, listen: str | None) -> Address:
    text = listen or chosen.listen
    if text is None:
        text = default_address(os.environ, os.geteuid(), tempfile.gettempdir())
    try:
        return parse_address(text)
    except EndpointError as error:
        raise ConfigError(str(error), key="listen") from None


def _http(chosen: CollectorSettings, http: str | None) -> str:
    text = chosen.http if http is None else http
    if text:
        parse_bind(text, chosen.http_allow_remote)
    return text
