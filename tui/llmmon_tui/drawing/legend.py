"""The top line of a chart: each series with its value, a breach marked."""

from collections.abc import Sequence
from dataclasses import dataclass

from llmmon_tui.drawing.lines import Line, Span, fit_line
from llmmon_tui.formatting import width_of
from llmmon_tui.severity import Severity

GAP = "  "


@dataclass(frozen=True, slots=True)
class Entry:
    """A series in the legend; the higher `rank`, the longer it stays when room is short."""

    name: str
    ink: str
    value: str
    severity: Severity
    rank: float

    def spans(self) -> list[Span]:
        """Name and value in their inks."""
        mark = self.severity.glyph if self.severity.breaching else ""
        return [(f"{self.name} ", self.ink), (f"{mark}{self.value}", self.severity.ink)]


def legend_line(entries: Sequence[Entry], width: int) -> Line:
    """The entries that fit, in their order, in exactly `width` cells; breaches stay longest."""
    kept = list(entries)
    while len(kept) > 1 and _width(kept) > width:
        kept.remove(min(kept, key=lambda entry: (entry.severity.breaching, entry.rank)))
    spans = [span for entry in kept for span in [*entry.spans(), (GAP, "plain")]]
    return fit_line(spans[:-1], width)


def _width(entries: Sequence[Entry]) -> int:
    texts = sum(width_of(text) for entry in entries for text, _ in entry.spans())
    return texts + len(GAP) * (len(entries) - 1)
