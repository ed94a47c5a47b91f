"""Arguments and options that several commands of ``llmmon rules`` share, and their output."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, Final

import click

from llmmon.protocol.curve import KEY_FILE_VARIABLE
from llmmon_collector.tools.host import Host

Command = Callable[..., Any]
EXIT_BAD: Final = 1
EXIT_USAGE: Final = 2
_CONTROLS: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")

_CONNECT: Final = click.option(
    "--connect",
    metavar="ADDRESS",
    help="The collector, ipc://DIR or tcp://HOST:PORT. [default: LLMMON_ENDPOINT, or your own]",
)
_KEY_FILE: Final = click.option(
    "--key-file",
    metavar="FILE",
    envvar=KEY_FILE_VARIABLE,
    help=f"Your key, for a collector over TCP. [default: {KEY_FILE_VARIABLE}]",
)

files_argument = click.argument(
    "files", nargs=-1, required=True, metavar="FILE...", type=click.Path(path_type=Path)
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def connect_options(command: Command) -> Command:
    """``--connect`` and ``--key-file``, given to the command as ``control: OpenControl``."""

    @wraps(command)
    def with_control(*args: Any, connect: str | None, key_file: str | None, **kwargs: Any) -> Any:
        host: Host = click.get_current_context().obj
        return command(*args, control=lambda: host.control(connect, key_file), **kwargs)

    return _CONNECT(_KEY_FILE(with_control))


def say(text: str, err: bool = False) -> None:
    """``text`` on the terminal; what could move the cursor becomes spaces."""
    click.echo(_CONTROLS.sub(" ", text), err=err)


def say_json(value: object) -> None:
    """``value`` as strict JSON: what is no number becomes null."""
    click.echo(json.dumps(_strict(value), indent=2, default=str))


def _strict(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): _strict(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_strict(item) for item in value]
    return value
