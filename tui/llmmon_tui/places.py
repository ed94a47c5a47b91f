"""The screens: each answers one question, and has a digit."""

from __future__ import annotations

from typing import Final, NamedTuple


class Place(NamedTuple):
    """One screen; its digit is its place in `PLACES`, from 1."""

    id: str
    title: str
    question: str


PLACES: Final = (
    Place("overview", "Overview", "Is it well? What changed?"),
    Place("models", "Models", "Who is slow, dear, failing?"),
    Place("requests", "Requests", "Show me one: what comes in, live, and its trace"),
    Place("cost", "Cost", "What does it burn, by whom, and where does the month end?"),
    Place("quality", "Quality", "Are the answers good, and do they drift?"),
    Place("alerts", "Alerts", "What fires, waits, is silenced; what was; SLO budgets"),
    Place("health", "Health", "Do the parts answer? Are people told?"),
    Place("logs", "Logs", "What do the services say?"),
)
SIDE: Final = "side"
"""The narrow pane, which stands for the overview where there is no room for it."""
