"""Labels under a chart: `-15m   -10m   -5m   now`."""

from llmmon_tui.formatting import width_of

LABEL_ROOM = 14
"""Cells that a label needs around itself."""


def time_axis(window_s: float, width: int, end_label: str = "now") -> str:
    """Labels for a window that ends at the right edge, in exactly `width` cells.

    The end comes first: an older label that would touch a newer one is left out.
    """
    divisions = _divisions(window_s, width)
    cells = [" "] * width
    for index in range(divisions + 1):
        ago_s = window_s * index / divisions
        label = f"-{_span(ago_s)}" if index else end_label
        position = round((width - 1) * (1 - index / divisions)) - width_of(label) // 2
        start = min(max(0, position), width - width_of(label))
        end = start + width_of(label)
        if start >= 0 and not "".join(cells[max(0, start - 1) : end + 1]).strip():
            cells[start:end] = label
    return "".join(cells)


def _divisions(window_s: float, width: int) -> int:
    """The most even parts that have room and whole minutes (or seconds, or hours)."""
    unit_s = 1 if window_s < 120 else 60 if window_s < 7200 else 1800
    most = max(1, min(6, width // LABEL_ROOM))
    fitting = [parts for parts in range(1, most + 1) if window_s / parts % unit_s == 0]
    return max(fitting, default=1)


def _span(seconds: float) -> str:
    for size_s, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= size_s:
            return f"{seconds / size_s:.3g}{unit}"
    return f"{seconds:.3g}s"
