"""The command group: every command loads when it is asked for, every error becomes one line."""

from __future__ import annotations

import importlib
from typing import Any, Final

import click
from click.shell_completion import BashComplete, FishComplete, ShellComplete, ZshComplete

from llmmon.cli.tables import plain
from llmmon.errors import (
    ConfigError,
    ControlError,
    EndpointError,
    LlmmonError,
    ProtocolError,
    UnreachableError,
)

EXIT_BAD: Final = 1
EXIT_USAGE: Final = 2
EXIT_UNREACHABLE: Final = 3

_COMMANDS: Final = {
    "ack": "operate:ack",
    "demo": "demo:demo",
    "keys": "keys:keys",
    "query": "query:query",
    "replay": "replay:replay",
    "silence": "operate:silence",
    "silences": "operate:silences",
    "snapshot": "snapshot:snapshot",
    "status": "status:status",
    "tail": "tail:tail",
    "unsilence": "operate:unsilence",
}
_SHELLS: Final[dict[str, type[ShellComplete]]] = {
    "bash": BashComplete,
    "zsh": ZshComplete,
    "fish": FishComplete,
}
_COLLECTOR_FAULTS: Final = frozenset({"timeout", "failed"})


class _Bad(click.ClickException):
    exit_code = EXIT_BAD


class _Usage(click.ClickException):
    exit_code = EXIT_USAGE


class _Unreachable(click.ClickException):
    exit_code = EXIT_UNREACHABLE


class _LazyGroup(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*_COMMANDS, *_plugins().names()})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        place = _COMMANDS.get(cmd_name)
        if place is None:
            stand_in: click.Command | None = _plugins().stand_in(cmd_name)
            return stand_in
        module, _, attribute = place.partition(":")
        command: click.Command = getattr(importlib.import_module(f"llmmon.cli.{module}"), attribute)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name, command, rest = super().resolve_command(ctx, args)
        if name is None or name in _COMMANDS:
            return name, command, rest
        ctx.obj = _plugins().Host()
        return name, _plugins().load(name), rest

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except LlmmonError as error:
            raise _failure(error) from error


def _plugins() -> Any:
    """The module that knows commands of other rooms: only who asks for one loads it."""
    return importlib.import_module("llmmon.cli.plugins")


def _failure(error: LlmmonError) -> click.ClickException:
    reason = plain(error)
    if isinstance(error, UnreachableError | ProtocolError):
        return _Unreachable(reason)
    if isinstance(error, ControlError):
        return _Bad(reason) if error.code in _COLLECTOR_FAULTS else _Usage(reason)
    return _Usage(reason) if isinstance(error, ConfigError | EndpointError) else _Bad(reason)


def _print_completion(ctx: click.Context, param: click.Parameter, shell: str | None) -> None:
    if shell is None or ctx.resilient_parsing:
        return
    completion = _SHELLS[shell](ctx.command, {}, "llmmon", "_LLMMON_COMPLETE")
    click.echo(completion.source(), nl=False)
    ctx.exit()


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--completion",
    type=click.Choice(tuple(_SHELLS)),
    is_eager=True,
    expose_value=False,
    callback=_print_completion,
    help="Print a script that completes this command in your shell, and exit.",
)
@click.version_option(package_name="llmmon", prog_name="llmmon")
def llmmon() -> None:
    """Look at, ask and feed an llmmon collector.

    Exit codes: 0 fine, 1 what was asked about is bad, 2 usage, 3 no collector answers.
    """
