"""What the collector says of a picture of the past: notes in the viewer's time, no trouble."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

from llmmon_tui.formatting import clean
from llmmon_tui.model import Picture
from llmmon_tui.panels.values import moment_text

_INSTANT: Final = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", re.ASCII)
_FORM: Final = "%Y-%m-%d %H:%M:%S UTC"
_UNKNOWN: Final = re.compile(r"the store (?:begins at (.+)|has no requests): of this time")
_SECOND_NS: Final = 1_000_000_000


def past_notes(picture: Picture) -> tuple[str, ...]:
    """The problems of a snapshot of the past; none of a picture of the present."""
    if not picture.is_past or picture.snapshot is None:
        return ()
    return tuple(_local(one, picture.live_at_ns) for one in picture.snapshot.problems)


def unknown_text(picture: Picture) -> str:
    """`nothing is stored before 19:02:00` where the instant shown lies before it, else empty."""
    for note in past_notes(picture):
        if found := _UNKNOWN.match(note):
            return f"nothing is stored{f' before {found[1]}' if found[1] else ' yet'}"
    return ""


def _local(note: str, now_ns: int) -> str:
    def told(match: re.Match[str]) -> str:
        try:
            at = datetime.strptime(match[0], _FORM).replace(tzinfo=UTC)
        except ValueError:
            return match[0]
        return moment_text(int(at.timestamp()) * _SECOND_NS, now_ns)

    return _INSTANT.sub(told, clean(note))
