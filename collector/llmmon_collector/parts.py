"""Builds what viewers add up when they show several collectors as one. Pure."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from llmmon.protocol.parts import PartsHead, encode_history, encode_parts
from llmmon_collector.live import LiveMetrics
from llmmon_collector.series import grouping_of
from llmmon_collector.windows.parts import Sums, as_table, stack


class Tick(NamedTuple):
    """The snapshot that parts go with."""

    seq: int
    at_ns: int
    started_ns: int


def build_parts(live: LiveMetrics, tick: Tick, window_s: int, by: str) -> bytes:
    """The wholes of every window, and the groups of ``window_s``, as of the last ``advance``.

    ``by`` is one of ``llmmon.protocol.snapshot.GROUPINGS``.

    Raises:
        KeyError: no such window is kept.
    """
    grouping = live.series.group(grouping_of(by))
    groups = live.windows.sums(window_s, grouping)
    told: NDArray[np.bool_] = np.any(np.hstack([groups.counts, groups.costs]), axis=1)
    labels = [grouping.labels[index] for index in np.flatnonzero(told).tolist()]
    windows, wholes = _wholes(live)
    head = PartsHead(
        seq=tick.seq,
        at_ns=tick.at_ns,
        started_ns=tick.started_ns,
        by=by,
        window_s=window_s,
        windows=windows,
        labels={name: [each[name] for each in labels] for name in grouping_of(by)},
        open_requests=live.open_requests.total,
        stalled_requests=live.open_requests.stalled,
    )
    return encode_parts(head, as_table(stack([*wholes, groups.pick(told)])))


def build_history(
    live: LiveMetrics, window_s: int, points: int, end_ns: int, members: NDArray[np.bool_] | None
) -> bytes:
    """What the history of the same parameters is made of.

    Raises:
        KeyError: no such window is kept.
        ValueError: ``points`` is under 1.
    """
    made = live.windows.points(window_s, points, end_ns, members)
    table = as_table(Sums.dense(made.counts, made.bins))
    return encode_history(made.at.start_ns, made.at.step_ns, made.seconds.tolist(), table)


def _wholes(live: LiveMetrics) -> tuple[tuple[tuple[int, bool], ...], list[Sums]]:
    """Every window, with whether the one just before it is known, and the sums of all of them."""
    whole = live.series.group(())
    windows, sums = [], []
    for window_s in live.windows.windows_s:
        before = live.windows.sums_before(window_s)
        windows.append((window_s, before is not None))
        sums.append(live.windows.sums(window_s, whole))
        if before is not None:
            sums.append(before)
    return tuple(windows), sums
