"""Severity as glyph, word and ink together, so that hue is never the only sign of it."""

from enum import StrEnum

ASCII_CLASS = "-ascii"
"""Put this class on the App and every widget draws itself in ASCII."""


class Severity(StrEnum):
    """State of a value, an alert or a check, worst first."""

    CRITICAL = "critical"
    WARNING = "warning"
    PENDING = "pending"
    ACKNOWLEDGED = "acknowledged"
    INHIBITED = "inhibited"
    SILENCED = "silenced"
    RESOLVED = "resolved"
    NO_DATA = "no_data"
    OK = "ok"

    @property
    def glyph(self) -> str:
        """One cell."""
        return _LOOKS[self][0]

    @property
    def word(self) -> str:
        """At most 8 cells."""
        return _LOOKS[self][1]

    @property
    def ink(self) -> str:
        """Name of an ink in `widgets.ink`."""
        return _LOOKS[self][2]

    @property
    def breaching(self) -> bool:
        """Whether it should catch the eye: only these are coloured and marked inside tables."""
        return self in {Severity.CRITICAL, Severity.WARNING}


_LOOKS = {
    Severity.CRITICAL: ("✖", "CRIT", "critical"),
    Severity.WARNING: ("▲", "WARN", "warning"),
    Severity.PENDING: ("○", "pending", "muted"),
    Severity.ACKNOWLEDGED: ("✓", "ack", "muted"),
    Severity.INHIBITED: ("↳", "inhib", "muted"),
    Severity.SILENCED: ("⊘", "silenced", "muted"),
    Severity.RESOLVED: ("↺", "resolved", "ok"),
    Severity.NO_DATA: ("?", "no data", "muted"),
    Severity.OK: ("·", "ok", "plain"),
}


_TO_ASCII = str.maketrans(
    "✖▲✓⊘↺↳·●○▸◀…—↑↓←→▼┤│╌─▁▂▃▄▅▆▇█⏸‖□›×≈☾░▕▏",
    'X!+-~\\.*o><~-^v<=v+|--_.-=+*#@"|?>x~z.[]',
)


def to_ascii(text: str) -> str:
    """The same text with each glyph of ours in its ASCII stand-in; widths do not change."""
    return text if text.isascii() else text.translate(_TO_ASCII)
