"""Every key in one table: bindings, footer and help are made from it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

from llmmon_tui.places import PLACES

Scope = Literal["everywhere", "screen"]
"""Whether a key is the application's, or belongs to the screens that offer its action."""
_ACK: Final = "Acknowledge the alert under the cursor, or the worst"


@dataclass(frozen=True, slots=True)
class Key:
    """One action: its keys in Textual's names, and how it is spoken of."""

    action: str
    keys: str
    shown: str
    """The keys as the footer and the help show them."""
    label: str
    meaning: str
    scope: Scope = "everywhere"
    rank: int = 0
    """Place in the footer when room is short, the highest last to leave; 0 keeps it out."""
    acts: bool = False
    """Whether it changes something for others, so that `--readonly` takes it away."""

    @property
    def spelled(self) -> str:
        """All its keys as they are printed on a keyboard: `?, F1`."""
        return ", ".join(_SPELLED.get(key, key) for key in self.keys.split(","))


_SPELLED: Final = {
    "question_mark": "?",
    "slash": "/",
    "plus": "+",
    "equals_sign": "=",
    "minus": "-",
    "colon": ":",
    "f1": "F1",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "left_curly_bracket": "{",
    "right_curly_bracket": "}",
    "full_stop": ".",
    "left": "←",
    "right": "→",
}

KEYS: Final = (
    Key("quit", "q", "q", "quit", "Quit", rank=80),
    Key("help", "question_mark,f1", "?", "help", "This help, searchable", rank=90),
    Key("filter", "slash,f", "/", "filter", "Filter what is shown: model:gpt-4o p95>2s", rank=70),
    Key("pause", "space,p", "space", "pause", "Hold the picture; the data keeps coming", rank=75),
    Key("window(1)", "w", "w", "window", "Next longer window, around", rank=60),
    Key("zoom(-1)", "plus,equals_sign", "+", "shorter", "Shorter window"),
    Key("zoom(1)", "minus", "-", "longer", "Longer window"),
    Key(
        "travel(1)",
        "left_square_bracket",
        "[",
        "back",
        "A step back in time",
        rank=42,
    ),
    Key("travel(-1)", "right_square_bracket", "]", "forward", "A step forward in time"),
    Key("travel(12)", "left_curly_bracket", "{", "far back", "Twelve steps back in time"),
    Key("travel(-12)", "right_curly_bracket", "}", "far forward", "Twelve steps forward in time"),
    Key("seek", "T", "T", "go to time", "Go to a time: 14:20, -2h, yesterday 09:00"),
    Key("resume", "full_stop", ".", "live", "Back to the live picture", rank=43),
    Key("compare", "Y", "Y", "yesterday", "Compare with the same time yesterday", rank=35),
    Key("group", "g", "g", "group", "Group by the next dimension", "screen", 55),
    Key(
        "sort", "s", "s", "sort", "Sort by the next column; past the last: automatic", "screen", 50
    ),
    Key("reverse", "S", "S", "reverse", "Reverse the order", "screen"),
    Key("maximise", "z", "z", "max", "Give the panel the whole screen, and back", "screen", 45),
    Key("acknowledge", "a", "a", "ack", _ACK, rank=88, acts=True),
    Key(
        "mute",
        "m",
        "m",
        "mute",
        "Silence that rule and group: how long, and why",
        rank=78,
        acts=True,
    ),
    Key("objectives", "o", "o", "objectives", "All SLOs and budgets", rank=65),
    Key("history", "t", "t", "history", "What has become of alerts, the newest first", rank=16),
    Key("channels", "c", "c", "channels", "How people are told, and what waits", rank=18),
    Key("silences", "M", "M", "silences", "What is silenced, until when; x ends one", rank=17),
    Key("views", "v", "v", "views", "Saved views: open, save, delete", rank=28),
    Key("copy", "y", "y", "copy", "Copy the row under the cursor to the clipboard", rank=20),
    Key("export", "x", "x", "export", "Write the table to a CSV and a JSON file", rank=14),
    Key("picture", "ctrl+s", "ctrl+s", "picture", "Write the screen to an SVG file"),
    Key("utc", "u", "u", "UTC", "Clocks in UTC, and back to local time"),
    Key("refetch", "r,ctrl+r", "r", "refetch", "Connect and fetch everything again", rank=15),
    Key("redraw", "ctrl+l", "ctrl+l", "redraw", "Draw the screen anew"),
    Key("palette", "colon", ":", "cmd", "Command palette (also ctrl+p)", rank=30),
)

ACKNOWLEDGE: Final = next(key for key in KEYS if key.action == "acknowledge")

FIXED: Final = (
    ("1 … 8", "Go to a screen: " + ", ".join(place.title for place in PLACES)),
    ("tab, shift+tab", "Next, previous panel or tab"),
    ("↑ ↓ j k, PgUp PgDn, home, end G", "Move the cursor of a table"),
    ("enter", "Open: an alert, a check, a request's trace; narrow to a group"),
    ("delete, x", "End the silence under the cursor, in the list of silences"),
    ("e", "Why it fires, in the details of an alert"),
    ("ctrl+c", "Quit, also out of a sheet"),
    ("esc", "Close; leave the maximised panel, the past, the narrowing, the filter; never quits"),
)
"""Keys that widgets and screens handle by themselves, for the help."""


def find_keys(text: str, own: Iterable[Key] = ()) -> list[tuple[str, str]]:
    """Keys and meanings whose text holds every word of `text`; those of the screen come first."""
    all_keys = [(key.spelled, key.meaning) for key in (*own, *KEYS)] + list(FIXED)
    words = text.lower().split()
    return [pair for pair in all_keys if all(word in " ".join(pair).lower() for word in words)]
