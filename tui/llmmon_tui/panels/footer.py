"""The last row: the keys that do something now."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from llmmon_tui.drawing.priority import Segment
from llmmon_tui.keys import KEYS, Key
from llmmon_tui.model import Picture

_MOVING: Final = 35
ENTER: Final = {
    "alerts": "details",
    "health": "details",
    "requests": "trace",
    "groups": "narrow",
    "logs": "trace",
    "cost-spenders": "requests",
    "quality-groups": "requests",
    "quality-worst": "trace",
}
"""What enter does in the tables."""


def footer_line(
    picture: Picture,
    is_valid: Callable[[Key], bool],
    focused: str = "",
    own: tuple[Key, ...] = (),
) -> list[Segment]:
    """Key and label of each valid action, and what enter does in the focused panel.

    `own` are the keys that only this screen has.
    """
    segments = [
        Segment(f"{key.shown} {_label(key, picture)}", _ink(key, picture), _rank(key, picture))
        for key in (*KEYS, *own)
        if key.rank and is_valid(key) and _helps(key, picture)
    ]
    if focused in ENTER:
        segments.insert(2, Segment(f"enter {ENTER[focused]}", "muted", 62))
    if picture.view.where or picture.view.filter:
        segments.insert(2, Segment("esc back", "accent", 72))
    return segments


def _helps(key: Key, picture: Picture) -> bool:
    """Stepping stands there once time is held; going back to the present only then."""
    return key.action not in {"resume", "travel(1)"} or picture.held is not None


def _rank(key: Key, picture: Picture) -> int:
    """While time is held, the keys that move in it stay longer than most."""
    is_moving = key.action in {"resume", "travel(1)"} and picture.held is not None
    return key.rank + _MOVING if is_moving else key.rank


def _label(key: Key, picture: Picture) -> str:
    return "resume" if key.action == "pause" and picture.held is not None else key.label


def _ink(key: Key, picture: Picture) -> str:
    return "accent" if key.action == "pause" and picture.held is not None else "muted"
