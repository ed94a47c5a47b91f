"""Opens the sockets that the options ask for: to one collector, or to several as one."""

from __future__ import annotations

from collections.abc import Callable

from llmmon_tui.connection import Connection
from llmmon_tui.feed import News, Timing
from llmmon_tui.fleet.collector import Target
from llmmon_tui.fleet.connection import FleetConnection
from llmmon_tui.options import Options


def connect(
    options: Options,
    emit: Callable[[News], None],
    now_ns: Callable[[], int],
    timing: Timing | None = None,
) -> Connection | FleetConnection:
    """A connection whose feed tells `emit`; `now_ns` is the wall clock."""
    if not options.others:
        return Connection(options.address, emit, timing, options.keys)
    first = Target(options.address, options.keys)
    others = [Target(address, keys) for address, keys in options.others]
    return FleetConnection([first, *others], emit, now_ns, timing)
