"""Every key in one table: bindings, footer and help are made from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Scope = Literal["everywhere", "overview"]


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
}

PANELS: Final = ("latency", "cost", "quality", "volume", "alerts", "health", "requests")
"""Panel by digit, from 1."""

KEYS: Final = (
    Key("quit", "q", "q", "quit", "Quit", rank=80),
    Key("help", "question_mark,f1", "?", "help", "This help, searchable", rank=90),
    Key("filter", "slash", "/", "filter", "Filter tables: gpt err>5% !judge p95>2s", rank=70),
    Key("pause", "space,p", "space", "pause", "Hold the picture; the data keeps coming", rank=75),
    Key("window(1)", "w", "w", "window", "Next longer window, around", rank=60),
    Key("zoom(-1)", "plus,equals_sign", "+", "shorter", "Shorter window"),
    Key("zoom(1)", "minus", "-", "longer", "Longer window"),
    Key("group", "g", "g", "group", "Group by the next dimension", "overview", 55),
    Key(
        "sort",
        "s",
        "s",
        "sort",
        "Sort by the next column; past the last: automatic",
        "overview",
        50,
    ),
    Key("reverse", "S", "S", "reverse", "Reverse the order", "overview"),
    Key("maximise", "z", "z", "max", "Give the panel the whole screen, and back", "overview", 45),
    Key(
        "acknowledge",
        "a",
        "a",
        "ack",
        "Acknowledge the alert under the cursor, or the worst",
        rank=88,
        acts=True,
    ),
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
    Key("copy", "y", "y", "copy", "Copy the row under the cursor to the clipboard", rank=20),
    Key("refetch", "r,ctrl+r", "r", "refetch", "Connect and fetch everything again", rank=15),
    Key("palette", "colon", ":", "cmd", "Command palette (also ctrl+p)", rank=30),
)

ACKNOWLEDGE: Final = next(key for key in KEYS if key.action == "acknowledge")

FIXED: Final = (
    ("1 … 7", "Go to a panel or tab; twice: maximise it"),
    ("tab, shift+tab", "Next, previous panel"),
    ("↑ ↓ j k, PgUp PgDn, home end", "Move the cursor of a table"),
    ("enter", "Open: an alert, a check, a request's trace; narrow to a group"),
    ("e", "Why it fires, in the details of an alert"),
    ("ctrl+c", "Quit, also out of a sheet"),
    ("esc", "Close, clear the filter, leave a narrowing; never quits"),
)
"""Keys that widgets and screens handle by themselves, for the help."""


def find_keys(text: str) -> list[tuple[str, str]]:
    """Keys and meanings whose text holds every word of `text`."""
    all_keys = [(key.spelled, key.meaning) for key in KEYS] + list(FIXED)
    words = text.lower().split()
    return [pair for pair in all_keys if all(word in " ".join(pair).lower() for word in words)]
