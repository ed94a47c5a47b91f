"""What the methods need of the past, and a picture narrowed to the windows that are wanted."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

from llmmon.protocol.snapshot import Snapshot
from llmmon_collector.series import Where
from llmmon_collector.windows.history import History


@dataclass(frozen=True, slots=True)
class PastDesk:
    """Each is called on the event loop, and gives what is then called in a thread: it blocks."""

    snapshot: Callable[[int, str, Sequence[int]], Callable[[], Snapshot]]
    """The instant, the grouping and the windows; raises QueryError or StoreError there."""
    history: Callable[[History, int, int, int, Where | None], Callable[[], History] | None]
    """What memory told, the window in seconds, the points, the end and which series. None where
    memory knew; else the store is asked, which raises QueryError or StoreError."""


def only_windows(snapshot: Snapshot, windows_s: Collection[int]) -> Snapshot:
    """``snapshot`` with no other windows than ``windows_s``."""
    views = tuple(view for view in snapshot.windows if view.window_s in windows_s)
    return snapshot if len(views) == len(snapshot.windows) else replace(snapshot, windows=views)
