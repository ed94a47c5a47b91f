"""Health views in the form of ``application/health+json``. Pure.

The form is that of draft-inadarei-api-health-check-06: ``pass``, ``warn`` or ``fail``, and a list
of results for each check.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final

from llmmon.protocol.snapshot import HealthView

CONTENT_TYPE: Final = "application/health+json"
_WORDS: Final = {"ok": "pass", "degraded": "warn", "unknown": "warn", "failing": "fail"}


def health_document(
    overall: str, views: Iterable[HealthView], details: bool
) -> tuple[dict[str, Any], int]:
    """The document and its HTTP status: 503 when failing, else 200.

    ``details`` are for readers on this machine: without them only the overall status is told.
    """
    document: dict[str, Any] = {"status": _WORDS[overall], "description": "llmmon collector"}
    if details:
        document["checks"] = {view.name: [_check(view)] for view in views}
    return document, 503 if overall == "failing" else 200


def _check(view: HealthView) -> dict[str, Any]:
    result: dict[str, Any] = {"componentType": view.type, "status": _WORDS[view.status]}
    if view.value is not None:
        result["observedValue"] = view.value
        result["observedUnit"] = view.unit
    if view.checked_ns is not None:
        result["time"] = datetime.fromtimestamp(view.checked_ns / 1e9, UTC).isoformat()
    if view.message:
        result["output"] = view.message
    return result
