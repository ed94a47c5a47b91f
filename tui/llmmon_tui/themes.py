"""Colours. Severity always has a glyph too, so every theme is a matter of taste."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from textual.theme import Theme

NO_COLOUR: Final = "ansi"

THEMES: Final = {
    "dark": "llmmon-dark",
    "light": "llmmon-light",
    "safe": "llmmon-safe",
    "ansi": "ansi-dark",
}
"""Textual's theme by the name on the command line. `safe` tells severities apart by blue, orange
and vermilion, which every colour vision does (Okabe and Ito); `ansi` uses the terminal's own."""

OWN: Final = (
    Theme(
        name="llmmon-dark",
        primary="#6ea8d8",
        secondary="#a897d8",
        accent="#7fd1c4",
        foreground="#d8dee6",
        background="#0e1116",
        surface="#171c24",
        panel="#222a35",
        success="#7ec987",
        warning="#e8b34a",
        error="#f2665c",
        dark=True,
    ),
    Theme(
        name="llmmon-light",
        primary="#2a6496",
        secondary="#6a4fa3",
        accent="#0f766e",
        foreground="#1d232b",
        background="#fbfbf8",
        surface="#efefea",
        panel="#e0e1dc",
        success="#2c7a3f",
        warning="#9a6200",
        error="#b3261e",
        dark=False,
    ),
    Theme(
        name="llmmon-safe",
        primary="#56b4e9",
        secondary="#cc79a7",
        accent="#f0e442",
        foreground="#dde3ea",
        background="#0e1116",
        surface="#171c24",
        panel="#222a35",
        success="#56b4e9",
        warning="#e69f00",
        error="#ff6d2e",
        dark=True,
    ),
)


def theme_of(name: str, environ: Mapping[str, str]) -> str:
    """Textual's theme for a name on the command line; NO_COLOR in `environ` has the last word."""
    return THEMES[NO_COLOUR if environ.get("NO_COLOR") else name]
