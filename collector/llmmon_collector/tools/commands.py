"""``llmmon rules``: its commands, each loaded when it is called.

Nothing heavy is imported here, so that without the collector's packages one line says what to do.
"""

from __future__ import annotations

import importlib
from typing import Final

import click

_COMMANDS: Final = {
    "backtest": "backtest:backtest",
    "check": "check:check",
    "explain": "explain:explain",
    "test": "trials:test",
}


class _MissingPackage(click.ClickException):
    exit_code = 2


class _LazyGroup(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        place = _COMMANDS.get(cmd_name)
        if place is None:
            return None
        module, _, attribute = place.partition(":")
        try:
            loaded = importlib.import_module(f"llmmon_collector.tools.{module}")
        except ModuleNotFoundError as error:
            missing = (error.name or "").partition(".")[0]
            if missing.startswith("llmmon"):
                raise
            reason = f"`llmmon rules` needs {missing}: pip install 'llmmon[collector]'"
            raise _MissingPackage(reason) from None
        command: click.Command = getattr(loaded, attribute)
        return command


@click.group(cls=_LazyGroup)
def rules() -> None:
    """Check, test, backtest and explain alert rules.

    Exit codes: 0 fine, 1 what was asked about is bad, 2 usage, 3 no collector answers.
    """
