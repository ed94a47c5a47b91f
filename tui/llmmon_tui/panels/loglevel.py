"""Levels of log lines: how bad they are, and which ones a threshold lets through."""

from __future__ import annotations

from typing import Final

from llmmon_tui.severity import Severity

CLASSES: Final = ("ERROR", "WARNING", "INFO", "DEBUG")
"""What levels are counted as, the worst first."""
_CLASS: Final = {
    "CRITICAL": "ERROR",
    "FATAL": "ERROR",
    "ERROR": "ERROR",
    "ERR": "ERROR",
    "WARNING": "WARNING",
    "WARN": "WARNING",
    "DEBUG": "DEBUG",
    "TRACE": "DEBUG",
}
_SEVERITIES: Final = {"ERROR": Severity.CRITICAL, "WARNING": Severity.WARNING}
THRESHOLDS: Final = ("", "INFO", "WARNING", "ERROR")
"""The least class shown; empty for all."""


def class_of(level: str | None) -> str:
    """One of `CLASSES`; an unknown level counts as INFO, so that nothing is hidden by a slip."""
    return _CLASS.get((level or "").upper(), "INFO")


def level_severity(level: str | None) -> Severity:
    """Critical for errors and what is worse, a warning for warnings."""
    return _SEVERITIES.get(class_of(level), Severity.OK)


def next_threshold(threshold: str) -> str:
    """The next higher one; all after the highest."""
    return THRESHOLDS[(THRESHOLDS.index(threshold) + 1) % len(THRESHOLDS)]


def threshold_sql(threshold: str) -> str:
    """A condition on the column `level`."""
    if not threshold:
        return "TRUE"
    below = CLASSES[CLASSES.index(threshold) + 1 :]
    hidden = ", ".join(f"'{level}'" for level, one in _CLASS.items() if one in below)
    if "INFO" not in below:
        return f"coalesce(upper(level), '') NOT IN ({hidden})"
    shown = ", ".join(f"'{level}'" for level, one in _CLASS.items() if one not in below)
    return f"coalesce(upper(level), '') IN ({shown})"
