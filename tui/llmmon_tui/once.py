"""One picture as text, for scripts."""

from __future__ import annotations

import time

from llmmon_tui import fields
from llmmon_tui.connection import Connection
from llmmon_tui.control import ControlClient
from llmmon_tui.feed import News
from llmmon_tui.model import Model
from llmmon_tui.options import Options
from llmmon_tui.panels.plain import plain_lines
from llmmon_tui.severity import to_ascii
from llmmon_tui.view import View


async def picture_lines(options: Options, width: int) -> list[str]:
    """What the collector shows now, in lines of at most `width` cells.

    Raises:
        UnreachableError: no collector answers.
        ControlError, ProtocolError: it does not answer as it should.
    """
    connection = Connection(options.address, _ignore, keys=options.keys)
    try:
        model = await _fetch(connection.control, options)
    finally:
        await connection.close()
    lines = plain_lines(model.picture(time.time_ns()), width)
    return [to_ascii(line) for line in lines] if options.ascii_only else lines


async def _fetch(control: ControlClient, options: Options) -> Model:
    model = Model(str(options.address), View(options.window_s, options.by))
    payload = await control.call("snapshot", by=options.by)
    model.arrive(fields.snapshot(payload), 0, time.time_ns())
    return model


def _ignore(news: News) -> None:
    """Nothing is subscribed to."""
