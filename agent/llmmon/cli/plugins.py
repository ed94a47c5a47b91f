"""Commands of ``llmmon`` that live in other rooms: found by entry point, loaded when called.

An entry point of the group ``llmmon.commands`` names a click command. That room may not import this
one: what it needs of it comes as ``ctx.obj``, a :class:`Host`.
"""

from __future__ import annotations

import os
import tempfile
from importlib.metadata import EntryPoint, entry_points
from typing import Final

import click

from llmmon.cli.client import ControlClient
from llmmon.errors import ConfigError
from llmmon.keyfile import read_client_file
from llmmon.protocol.endpoint import default_address, parse_address

GROUP: Final = "llmmon.commands"
_SUMMARIES: Final = {"rules": "Check, test, backtest and explain alert rules."}
"""What the list of commands says of each: to ask it would load all that it is made of."""


class Host:
    """What ``llmmon`` does for commands of other rooms."""

    def control(self, connect: str | None, key_file: str | None) -> ControlClient:
        """A client of the collector at ``connect``, an address, or of one's own.

        Raises:
            EndpointError: ``connect`` is no address.
            ConfigError: the key file cannot be used.
        """
        own = default_address(os.environ, os.getuid(), tempfile.gettempdir())
        address = parse_address(connect or own)
        return ControlClient(address, keys=read_client_file(key_file).keys if key_file else None)


def names() -> list[str]:
    """The commands that there are, loading none."""
    return sorted(_found())


def stand_in(name: str) -> click.Command | None:
    """What stands for the command in lists; None where there is no such command."""
    if name not in _found():
        return None
    return click.Command(name, help=_SUMMARIES.get(name, "A command from another package."))


def load(name: str) -> click.Command:
    """The command itself.

    Raises:
        ConfigError: a package that it needs is not installed.
    """
    try:
        command: click.Command = _found()[name].load()
    except ModuleNotFoundError as error:
        raise ConfigError(f"`llmmon {name}` needs {error.name}, which is not installed") from None
    return command


def _found() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=GROUP)}
