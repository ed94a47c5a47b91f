"""What an operator does to an alert, as questions to the collector. Pure."""

from __future__ import annotations

import re
from typing import Any, Final, NamedTuple

from llmmon.protocol.snapshot import AlertView
from llmmon_tui.formatting import age, clean
from llmmon_tui.panels.alertview import where_text

_COMMENT: Final = "silenced from the terminal"


class Command(NamedTuple):
    """A control method with its parameters, and what to say when it is done."""

    method: str
    params: dict[str, Any]
    done: str


def acknowledge(alert: AlertView, by: str) -> Command:
    """Take the alert on: it stays in the list and no longer shouts."""
    params = {"alert_id": alert.id, "by": by, "note": ""}
    return Command("acknowledge", params, f"✓ acknowledged {name_of(alert)}")


def mute(alert: AlertView, by: str, duration_s: float, comment: str) -> Command:
    """Silence its rule and group for so long."""
    params = {
        "matchers": {
            name: _exactly(value) for name, value in {"rule": alert.rule, **alert.labels}.items()
        },
        "duration_s": duration_s,
        "by": by,
        "comment": comment or _COMMENT,
    }
    done = f"⊘ silenced {name_of(alert)} for {age(duration_s)}"
    return Command("silence", params, done)


def end_silence(silence_id: str, name: str, by: str) -> Command:
    """Let people be told again."""
    params = {"id": silence_id, "by": by}
    return Command("end_silence", params, f"✓ {clean(name)} is no longer muted")


def name_of(alert: AlertView) -> str:
    """Rule and group, safe for a toast."""
    return clean(" ".join(filter(None, (alert.rule, where_text(alert)))))


def _exactly(value: str) -> str:
    """A glob that matches this text and no other."""
    return re.sub(r"([*?[])", r"[\1]", value)
