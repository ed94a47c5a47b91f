"""What viewers add up when they show several collectors as one: answers of ``parts``.

A snapshot holds percentiles, which cannot be averaged. Parts hold what they are made of.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from llmmon.errors import SchemaError, VersionError
from llmmon.protocol.codec import pack, unpack
from llmmon.protocol.parttable import MAX_ROWS, Part, PartTable, read_rows

VERSION: Final = 1
_MAX_WINDOWS: Final = 64
_MAX_LABELS: Final = 16
_MAX_POINTS: Final = 10_000


@dataclass(frozen=True, slots=True)
class PartsHead:
    """What the rows of parts are of."""

    seq: int
    """The sequence number of the snapshot of the same tick."""
    at_ns: int
    started_ns: int
    by: str
    window_s: int
    """The window of the groups."""
    windows: tuple[tuple[int, bool], ...]
    """Every window, shortest first, and whether the one just before it is known. The first rows are
    the wholes: of each window, then, where it is known, of the one before."""
    labels: Mapping[str, Sequence[str]]
    """A text a group and label. The groups are the other rows, those included that have no requests
    in the window but cost something in the trailing hour or today."""
    open_requests: int
    stalled_requests: int


@dataclass(frozen=True, slots=True)
class Parts:
    """One collector's parts at one instant."""

    head: PartsHead
    rows: tuple[Part, ...]

    def wholes(self) -> dict[int, tuple[Part, Part | None]]:
        """By window: the whole, and the whole of the window before, None where it is unknown."""
        rows = iter(self.rows)
        return {
            window_s: (next(rows), next(rows) if has_previous else None)
            for window_s, has_previous in self.head.windows
        }

    def groups(self) -> list[tuple[dict[str, str], Part]]:
        """Labels and part of each group."""
        rows = self.rows[_whole_rows(self.head.windows) :]
        names = tuple(self.head.labels)
        texts = zip(*self.head.labels.values(), strict=True)
        labels = [dict(zip(names, text, strict=True)) for text in texts]
        return list(zip(labels, rows, strict=True))


@dataclass(frozen=True, slots=True)
class HistoryParts:
    """The parts of a chart's points: one a bucket of ``step_ns`` from ``start_ns``."""

    start_ns: int
    step_ns: int
    seconds: tuple[float, ...]
    """How much of each bucket was watched; 0 for none."""
    rows: tuple[Part, ...]


def encode_parts(head: PartsHead, table: PartTable) -> bytes:
    """Parts as msgpack."""
    windows = [list(window) for window in head.windows]
    labels = {name: list(texts) for name, texts in head.labels.items()}
    fields = [VERSION, head.seq, head.at_ns, head.started_ns, head.by, head.window_s, windows]
    return pack([*fields, labels, head.open_requests, head.stalled_requests, table.plain()])


def decode_parts(payload: bytes) -> Parts:
    """The parts in ``payload``.

    Raises:
        SchemaError: another shape than ``encode_parts`` writes.
        VersionError: a collector of another version.
    """
    match _unpack(payload):
        case [
            int(),
            int() as seq,
            int() as at_ns,
            int() as started_ns,
            str() as by,
            int() as window_s,
            list() as windows,
            dict() as labels,
            int() as open_requests,
            int() as stalled_requests,
            table,
        ]:
            rows = read_rows(table)
            known = _windows(windows)
            _check_labels(labels, len(rows) - _whole_rows(known))
            head = PartsHead(
                seq=seq,
                at_ns=at_ns,
                started_ns=started_ns,
                by=by,
                window_s=window_s,
                windows=known,
                labels=labels,
                open_requests=open_requests,
                stalled_requests=stalled_requests,
            )
            return Parts(head, rows)
    raise SchemaError("parts: expected 11 fields")


def encode_history(
    start_ns: int, step_ns: int, seconds: Sequence[float], table: PartTable
) -> bytes:
    """The parts of a history as msgpack."""
    return pack([VERSION, start_ns, step_ns, list(seconds), table.plain()])


def decode_history(payload: bytes) -> HistoryParts:
    """The parts of a history in ``payload``.

    Raises:
        SchemaError: another shape than ``encode_history`` writes.
        VersionError: a collector of another version.
    """
    match _unpack(payload):
        case [int(), int() as start_ns, int() as step_ns, list() as seconds, table]:
            fine = step_ns > 0 and len(seconds) <= _MAX_POINTS
            rows = read_rows(table)
            if fine and len(rows) == len(seconds) and all(map(_is_duration, seconds)):
                return HistoryParts(start_ns, step_ns, tuple(map(float, seconds)), rows)
    raise SchemaError("history parts: expected start_ns, step_ns, seconds and a row for each")


def _unpack(payload: bytes) -> Any:
    plain = unpack(payload, MAX_ROWS, 4 * MAX_ROWS)
    if isinstance(plain, list) and plain and type(plain[0]) is int and plain[0] != VERSION:
        raise VersionError(plain[0], VERSION)
    return plain


def _whole_rows(windows: Sequence[tuple[int, bool]]) -> int:
    return sum(1 + has_previous for _, has_previous in windows)


def _windows(plain: list[Any]) -> tuple[tuple[int, bool], ...]:
    windows = []
    for window in plain[: _MAX_WINDOWS + 1]:
        match window:
            case [int() as window_s, bool() as has_previous] if window_s > 0:
                windows.append((window_s, has_previous))
    if len(windows) != len(plain):
        raise SchemaError(f"parts: expected at most {_MAX_WINDOWS} windows, each with a flag")
    return tuple(windows)


def _check_labels(labels: Mapping[Any, Any], groups: int) -> None:
    if len(labels) > _MAX_LABELS or groups < 0 or (groups and not labels):
        raise SchemaError("parts: expected labels for the groups")
    for label, texts in labels.items():
        fine = isinstance(label, str) and isinstance(texts, list) and len(texts) == groups
        if not (fine and all(isinstance(text, str) for text in texts)):
            raise SchemaError("parts: expected a text a group for every label")


def _is_duration(value: Any) -> bool:
    return type(value) in {int, float} and 0 <= value < float("inf")
