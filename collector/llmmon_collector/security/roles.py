"""What each role may do. Pure: the one place that says so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from llmmon.protocol.curve import AGENT, OPERATOR, VIEWER

INGEST: Final = "ingest"
SNAPSHOTS: Final = "snapshots"
CONTROL: Final = "control"

ADMITTED: Final[Mapping[str, frozenset[str]]] = {
    INGEST: frozenset({AGENT}),
    SNAPSHOTS: frozenset({VIEWER, OPERATOR}),
    CONTROL: frozenset({VIEWER, OPERATOR}),
}
"""Roles by the socket, which is the ZAP domain, that lets them in."""

READS: Final = frozenset(
    {
        "snapshot",
        "metrics",
        "history",
        "parts",
        "history_parts",
        "requests",
        "search",
        "trace",
        "query",
        "status",
        "silences",
        "transitions",
        "explain",
    }
)
"""Control methods that change nothing. A method that is not named here is an operator's."""


def may_enter(role: str, socket: str) -> bool:
    """Whether a key of ``role`` may connect to ``socket``."""
    return role in ADMITTED.get(socket, frozenset())


def may_call(role: str, method: str) -> bool:
    """Whether a key of ``role`` may call the control method ``method``."""
    return role == OPERATOR or (role == VIEWER and method in READS)


def changes(method: str) -> bool:
    """Whether the control method ``method`` is one to write down."""
    return method not in READS


def looks(role: str) -> bool:
    """Whether ``role`` sees what is published."""
    return may_enter(role, SNAPSHOTS)
