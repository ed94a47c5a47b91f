"""What an operator does to an alert, as questions to the collector. Pure."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from llmmon.protocol.snapshot import AlertView
from llmmon_tui.formatting import clean
from llmmon_tui.panels.alertview import where_text

MUTE_S: Final = 3600.0


class Command(NamedTuple):
    """A control method with its parameters, and what to say when it is done."""

    method: str
    params: dict[str, Any]
    done: str


def acknowledge(alert: AlertView, by: str) -> Command:
    """Take the alert on: it stays in the list and no longer shouts."""
    params = {"alert_id": alert.id, "by": by, "note": ""}
    return Command("acknowledge", params, f"✓ acknowledged {name_of(alert)}")


def mute(alert: AlertView, by: str) -> Command:
    """Silence its rule and group for an hour."""
    params = {
        "matchers": {"rule": alert.rule, **alert.labels},
        "duration_s": MUTE_S,
        "by": by,
        "comment": "muted from the terminal",
    }
    return Command("silence", params, f"⊘ muted {name_of(alert)} for 1h")


def name_of(alert: AlertView) -> str:
    """Rule and group, safe for a toast."""
    return clean(" ".join(filter(None, (alert.rule, where_text(alert)))))
