"""What is on a terminal as text: the characters, then their styles, run by run.

A frame that is compared as text shows in a diff what has changed, and is a tenth of its SVG.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from rich.segment import Segment
from rich.style import Style
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode
from textual.pilot import Pilot

_NAMES: Final = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


class FrameFile(SingleFileSnapshotExtension):
    """One text file a snapshot."""

    _write_mode = WriteMode.TEXT
    _file_extension = "txt"


def frame(pilot: Pilot[Any]) -> str:
    """The lines of the terminal, each after it which style its cells have, and what those are."""
    styles: dict[str, str] = {}
    lines = []
    for strip in pilot.app.screen._compositor.render_strips():
        segments = list(strip)
        text = "".join(segment.text for segment in segments)
        lines.append(f"{text.rstrip()}\n  {_runs(segments, styles)}")
    legend = [f"{letter} {style}" for style, letter in styles.items()]
    return "\n".join([*lines, "", *legend, ""])


def _runs(segments: Sequence[Segment], styles: dict[str, str]) -> str:
    """Such as `12a 3b 65a`; neighbours of one style are one run."""
    runs: list[tuple[str, int]] = []
    for segment in segments:
        style = _told(segment.style)
        letter = styles.setdefault(style, _NAMES[len(styles) % len(_NAMES)])
        if runs and runs[-1][0] == letter:
            runs[-1] = (letter, runs[-1][1] + segment.cell_length)
        else:
            runs.append((letter, segment.cell_length))
    return " ".join(f"{cells}{letter}" for letter, cells in runs)


def _told(style: Style | None) -> str:
    if style is None:
        return "none"
    colours = [str(one.name) if one else "-" for one in (style.color, style.bgcolor)]
    marks = [
        name
        for name in ("bold", "dim", "italic", "underline", "reverse", "strike")
        if getattr(style, name)
    ]
    return " ".join([*colours, *marks])
