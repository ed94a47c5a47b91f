"""Segments of a one-line status, the least important dropped first when the line is short."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from llmmon_tui.drawing.lines import Line, Span, fit_line, line_width
from llmmon_tui.formatting import width_of


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of the line; a higher `priority` stays longer, of equals the leftmost stays."""

    text: str
    ink: str = "plain"
    priority: int = 0
    side: Literal["left", "right"] = "left"


def status_line(segments: Sequence[Segment], width: int, gap: str = "  ") -> Line:
    """The segments that fit, in their order, left and right aligned, in exactly `width` cells.

    The most important segment always stays, cut when it must be.
    """
    kept = _fitting([one for one in segments if one.text], width, width_of(gap))
    left = _joined([one for one in kept if one.side == "left"], gap)
    right = _joined([one for one in kept if one.side == "right"], gap)
    space = max(0, width - line_width(left) - line_width(right))
    return fit_line([*left, (" " * space, "plain"), *right], width)


def _fitting(segments: list[Segment], width: int, gap: int) -> list[Segment]:
    """Keep by priority until the first that has no room: a lesser one never outlives it."""
    by_priority = sorted(range(len(segments)), key=lambda index: -segments[index].priority)
    kept: set[int] = set()
    used = -gap
    for index in by_priority:
        used += gap + width_of(segments[index].text)
        if used > width and kept:
            break
        kept.add(index)
    return [segments[index] for index in sorted(kept)]


def _joined(segments: list[Segment], gap: str) -> list[Span]:
    spans: list[Span] = []
    for one in segments:
        if spans:
            spans.append((gap, "plain"))
        spans.append((one.text, one.ink))
    return spans
