"""``llmmon demo``: recorded traffic through a real agent and collector, on the real screen."""

from __future__ import annotations

import signal
import sys
import time
from types import FrameType
from typing import Any, Final

import click

import llmmon
from llmmon.cli.client import ControlClient
from llmmon.cli.options import json_option
from llmmon.cli.snapshot import fetch, snapshot_text
from llmmon.cli.tables import json_text
from llmmon.demo.run import Options, Playing, playing
from llmmon.demo.stage import ENDING, show
from llmmon.errors import LlmmonError
from llmmon.protocol.endpoint import Address

_WINDOW_S: Final = 300
_ASK_S: Final = 0.5
_HEADLESS_S: Final = 20.0
_SETTLE_S: Final = 10.0


@click.command()
@click.option("--headless", is_flag=True, help="No screen: print a snapshot at the end.")
@click.option(
    "--seconds", type=click.FloatRange(0.5), help="How long to run. [headless: 20, else for ever]"
)
@json_option
@click.option("--incident", is_flag=True, help="One provider gets slow, one fails, both recover.")
@click.option(
    "--speed",
    type=click.FloatRange(0.01, 1000),
    default=1.0,
    show_default=True,
    help="Bring arrivals that many times closer together.",
)
@click.option("--keep", is_flag=True, help="Keep the collector's files and say where.")
def demo(as_json: bool, headless: bool, **options: Any) -> None:
    """Watch recorded production traffic: every number was measured, nothing leaves this machine.

    Starts a collector in a temporary directory, plays the traffic through the agent, opens
    llmmon-tui, and takes everything away afterwards.
    """
    if as_json and not headless:
        raise click.UsageError("--json goes with --headless")
    if headless and options["seconds"] is None:
        options["seconds"] = _HEADLESS_S
    for number in ENDING:
        signal.signal(number, _leave)
    with playing(Options(**options), _answers) as running:
        if options["keep"]:
            click.echo(f"files: {running.address.directory}", err=True)
        if headless:
            view = _run_headless(running, options["seconds"])
            click.echo(json_text(view, indent=2) if as_json else snapshot_text(view))
        elif code := show(running.address, options["seconds"]):
            raise click.ClickException(f"llmmon-tui ended with {code}")


def _leave(number: int, frame: FrameType | None) -> None:
    """A signal unwinds the stack, so that what was started is ended on the way, undisturbed."""
    for ending in ENDING:
        signal.signal(ending, signal.SIG_IGN)
    sys.exit(128 + number)


def _answers(address: Address) -> bool:
    with ControlClient(address, timeout_s=_ASK_S) as control:
        try:
            control.call("status")
        except LlmmonError:
            return False
    return True


def _run_headless(running: Playing, seconds: float) -> dict[str, Any]:
    time.sleep(seconds)
    running.player.stop()
    if running.player.failure is not None:
        raise running.player.failure
    llmmon.flush(timeout_s=_SETTLE_S)
    return fetch(running.address, _WINDOW_S, ("provider", "model"))
