"""Where a figure leads: to what makes it up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from llmmon_tui.model import Picture
from llmmon_tui.panels.orders import NEWEST, SLOWEST
from llmmon_tui.view import View

DRILLS: Final[Mapping[str, str]] = {
    "rate": "requests",
    "p95": "requests",
    "err": "requests",
    "cost": "cost",
    "quality": "quality",
    "tokens": "models",
    "latency": "requests",
    "volume": "requests",
}
"""Screens by the id of a tile or a chart."""


def drilled(picture: Picture, figure: str) -> tuple[View, str, str]:
    """The view, the screen and the order of its list that a figure of `DRILLS` leads to.

    A quantile leads to the requests beyond it, the error rate to those that failed.
    """
    place, view = DRILLS[figure], picture.view
    match figure:
        case "err":
            return _filtered(view, "error"), place, NEWEST.title
        case "p95" | "latency":
            p95_ms = picture.total.get("latency_p95")
            if p95_ms is not None:
                return _filtered(view, f"latency_ms>{p95_ms:.0f}"), place, SLOWEST.title
    return view, place, ""


def _filtered(view: View, term: str) -> View:
    """The view with a filter that has this term, once."""
    is_there = term in view.filter.split()
    return view if is_there else replace(view, filter=f"{view.filter} {term}".strip())
