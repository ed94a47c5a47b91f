"""A trace as a tree: its requests and spans, parents before their children."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from llmmon.errors import SchemaError
from llmmon_tui import fields
from llmmon_tui.formatting import strip_controls

Plain = Mapping[str, Any]
MOST: Final = 1000
"""Rows of a kind that the collector tells."""
_KINDS: Final = ("requests", "spans", "logs", "scores")
_MS_NS: Final = 1_000_000
_BAD_STATUS: Final = 400
_LONGEST_MS: Final = 1e12
"""A generation: what claims to have taken longer tells nothing."""


@dataclass(frozen=True, slots=True)
class Trace:
    """What the collector knows of one trace, as plain rows."""

    requests: Sequence[Plain]
    spans: Sequence[Plain]
    logs: Sequence[Plain]
    scores: Sequence[Plain]


@dataclass(frozen=True, slots=True)
class Node:
    """A request or a span in its place."""

    key: str
    """Its id, made unique."""
    is_request: bool
    name: str
    start_ns: int | None
    took_ms: float | None
    """None while it has not ended, or where nobody told."""
    ttft_ms: float | None
    error: str
    depth: int
    parent: Node | None
    row: Plain

    @property
    def end_ns(self) -> int | None:
        """When it ended, as far as is known."""
        if self.start_ns is None or self.took_ms is None:
            return None
        return self.start_ns + int(self.took_ms * _MS_NS)

    @property
    def is_orphan(self) -> bool:
        """Whether it has a parent that is not stored."""
        return self.parent is None and bool(fields.text(self.row.get("parent_id")))

    @property
    def skew_ms(self) -> float:
        """By how much it began before its parent: then their clocks differ. 0 otherwise."""
        parent_ns = None if self.parent is None else self.parent.start_ns
        if self.start_ns is None or parent_ns is None:
            return 0.0
        return max(0, parent_ns - self.start_ns) / _MS_NS


def parse_trace(result: Any) -> Trace:
    """The answer of the control method `trace`.

    Raises:
        SchemaError: another shape than the protocol's.
    """
    if isinstance(result, dict):
        found = {kind: result.get(kind, []) for kind in _KINDS}
        if all(isinstance(rows, list) for rows in found.values()):
            plain = {kind: [r for r in rows if isinstance(r, dict)] for kind, rows in found.items()}
            return Trace(**plain)
    raise SchemaError("trace: expected requests, spans, logs and scores")


def nodes(trace: Trace) -> list[Node]:
    """All requests and spans, each parent before its children, these in the order they began.

    What has no parent here is a root, and so is one of each ring of parents.
    """
    rows = [*trace.requests, *trace.spans]
    places: dict[str, int] = {}
    for place, row in enumerate(rows):
        places.setdefault(_id(row), place)
    children: dict[int | None, list[int]] = defaultdict(list)
    for place in sorted(range(len(rows)), key=lambda place: _rank(rows[place])):
        parent = places.get(fields.text(rows[place].get("parent_id")) or "")
        children[None if parent == place else parent].append(place)
    found: dict[int, Node] = {}
    # every row is a root to begin with: those reached already are passed over
    for root in [*children[None], *range(len(rows))]:
        for place, depth, parent in _descend(root, children, found):
            is_request = place < len(trace.requests)
            above = None if parent is None else found[parent]
            found[place] = _node(rows[place], place, is_request, depth, above)
    return list(found.values())


def node_of(tree: Sequence[Node], request_id: str) -> Node | None:
    """The one with this id, else the first."""
    return next((node for node in tree if _id(node.row) == request_id), tree[0] if tree else None)


def trace_id_of(trace: Trace, request_id: str) -> str:
    """The id of the trace; of a request without one, its own."""
    told = (fields.text(row.get("trace_id")) for row in (*trace.requests, *trace.spans))
    return next((one for one in told if one), request_id)


def _descend(
    root: int, children: Mapping[int | None, list[int]], found: Mapping[int, Node]
) -> Iterator[tuple[int, int, int | None]]:
    """Place, depth and parent's place of a subtree, without recursion: it may be deep."""
    waiting: list[tuple[int, int, int | None]] = [(root, 0, None)]
    while waiting:
        place, depth, parent = waiting.pop()
        if place in found:
            continue
        yield place, depth, parent
        below = children.get(place, ())
        waiting += [(child, depth + 1, place) for child in reversed(below)]


def _node(row: Plain, place: int, is_request: bool, depth: int, parent: Node | None) -> Node:
    took_ms = _duration_ms(row, "latency_ms" if is_request else "duration_ms")
    start_ns = fields.whole(row.get("start_ns"))
    ended_ns = fields.whole(row.get("time_ns"))
    if start_ns is None and ended_ns is not None:
        start_ns = ended_ns - int((took_ms or 0.0) * _MS_NS)
    return Node(
        f"{_id(row)}\0{place}",
        is_request,
        _name(row),
        start_ns,
        took_ms,
        fields.number(row.get("ttft_ms")),
        _error(row),
        depth,
        parent,
        row,
    )


def _duration_ms(row: Plain, name: str) -> float | None:
    """A duration that can be one."""
    took_ms = fields.number(row.get(name))
    return took_ms if took_ms is not None and 0 <= took_ms <= _LONGEST_MS else None


def _name(row: Plain) -> str:
    words = [fields.text(row.get(name)) for name in ("operation", "model")]
    name = fields.text(row.get("name")) or " ".join(filter(None, words))
    return strip_controls(name) or "(unnamed)"


def _error(row: Plain) -> str:
    status = fields.whole(row.get("status_code")) or 0
    error = fields.text(row.get("error")) or ""
    code = str(status) if status >= _BAD_STATUS else ""
    if error.startswith(code):
        return strip_controls(error)
    return strip_controls(f"{code} {error}".strip())


def _rank(row: Plain) -> tuple[bool, int]:
    start_ns = fields.whole(row.get("start_ns"))
    return start_ns is None, start_ns or 0


def _id(row: Plain) -> str:
    return fields.text(row.get("id")) or ""
