"""Parts as collectors tell them, made of a few requests."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from llmmon.protocol.parts import Parts, PartsHead, encode_history, encode_parts
from llmmon.protocol.parttable import COUNTS, Part, PartTable
from llmmon.protocol.sketch import BINS, EMPTY, GAMMA, SMALLEST_MS, Sketch
from support.snapshots import AT_NS
from support.viewer_peer import ViewerPeer

WINDOWS_S = (60, 300, 3600, 86_400)
Share = Mapping[str, Sequence[float]]
"""Latencies in ms by model."""


def sketch_of(values_ms: Sequence[float]) -> Sketch:
    """The sketch of some latencies."""
    bins = Counter(
        min(max(math.ceil(math.log(value / SMALLEST_MS, GAMMA)), 0), BINS - 1)
        for value in values_ms
    )
    return Sketch(tuple(sorted(bins)), tuple(bins[at] for at in sorted(bins)))


def part_of(latencies_ms: Sequence[float], **counts: int) -> Part:
    """Requests of these latencies, which cost a milli-dollar each, with `counts` laid over."""
    told = {
        "requests": len(latencies_ms),
        "latency_n": len(latencies_ms),
        "latency_us": round(sum(latencies_ms) * 1000),
        "priced": len(latencies_ms),
        "cost_pico": len(latencies_ms) * 10**9,
        "hour_priced": len(latencies_ms),
        "hour_cost_pico": len(latencies_ms) * 10**9,
        "bucket_4": len(latencies_ms),
    } | counts
    sketches = (sketch_of(latencies_ms), EMPTY, EMPTY, EMPTY)
    return Part(tuple(told.get(name, 0) for name in COUNTS), sketches)


def head_and_rows(share: Share, **changes: Any) -> tuple[PartsHead, list[Part]]:
    """The parts of `share`, the same in every window, with nothing in the windows before."""
    whole = part_of([value for values in share.values() for value in values])
    fields: dict[str, Any] = {
        "seq": 1,
        "at_ns": AT_NS,
        "started_ns": AT_NS - 10**12,
        "by": "model",
        "window_s": 300,
        "windows": tuple((window_s, True) for window_s in WINDOWS_S),
        "labels": {"provider": ["openai"] * len(share), "model": list(share)},
        "open_requests": 2,
        "stalled_requests": 1,
    }
    head = PartsHead(**(fields | changes))
    wholes = [row for _, known in head.windows for row in (whole, part_of([]))[: 1 + known]]
    return head, [*wholes, *map(part_of, share.values())]


def parts_of(share: Share, **changes: Any) -> Parts:
    """The same, decoded."""
    head, rows = head_and_rows(share, **changes)
    return Parts(head, tuple(rows))


def tell_parts(peer: ViewerPeer, share: Share) -> None:
    """Have `peer` answer `parts` and `history_parts`."""

    def parts(params: dict[str, Any]) -> bytes:
        head, rows = head_and_rows(share, window_s=params["window_s"], by=params["by"])
        return encode_parts(head, PartTable.of(rows))

    def history(params: dict[str, Any]) -> bytes:
        whole = part_of([value for values in share.values() for value in values])
        table = PartTable.of([part_of([]), whole])
        return encode_history(AT_NS - 10 * 10**9, 5 * 10**9, [0.0, 5.0], table)

    peer.answers |= {"parts": parts, "history_parts": history}
