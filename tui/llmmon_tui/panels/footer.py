"""The last row: the keys that do something now."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from llmmon_tui.drawing.priority import Segment
from llmmon_tui.keys import KEYS, Key
from llmmon_tui.model import Picture

ENTER: Final = {"alerts": "details", "health": "details", "requests": "trace", "groups": "narrow"}
"""What enter does in the tables."""


def footer_line(
    picture: Picture, is_valid: Callable[[Key], bool], focused: str = ""
) -> list[Segment]:
    """Key and label of each valid action, and what enter does in the focused panel."""
    segments = [
        Segment(f"{key.shown} {_label(key, picture)}", _ink(key, picture), key.rank)
        for key in KEYS
        if key.rank and is_valid(key)
    ]
    if focused in ENTER:
        segments.insert(2, Segment(f"enter {ENTER[focused]}", "muted", 62))
    if picture.view.where or picture.view.filter:
        segments.insert(2, Segment("esc back", "accent", 72))
    return segments


def _label(key: Key, picture: Picture) -> str:
    return "resume" if key.action == "pause" and picture.held is not None else key.label


def _ink(key: Key, picture: Picture) -> str:
    return "accent" if key.action == "pause" and picture.held is not None else "muted"
