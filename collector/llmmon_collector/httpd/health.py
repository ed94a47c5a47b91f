"""Health views in the form of ``application/health+json``. Pure.

The form is that of draft-inadarei-api-health-check-06: ``pass``, ``warn`` or ``fail``, and a list
of results for each ``component:measurement``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from llmmon.protocol.snapshot import HealthView

CONTENT_TYPE: Final = "application/health+json"
_WORDS: Final = {"ok": "pass", "degraded": "warn", "unknown": "warn", "failing": "fail"}
_COMPONENT_TYPES: Final = {
    "sql": "datastore",
    "memory": "system",
    "disk": "system",
    "cpu": "system",
    "process": "system",
}
_MEASUREMENTS: Final = {"%": "utilization", "ms": "responseTime"}
"""The draft's own names, by unit."""


class Service(NamedTuple):
    """Which collector answers."""

    version: str
    service_id: str


def health_document(
    service: Service, overall: str, views: Sequence[HealthView], details: bool
) -> tuple[dict[str, Any], int]:
    """The document and its HTTP status: 503 when failing, else 200.

    ``details`` are for readers on this machine: without them only the overall status is told.
    """
    word = _WORDS[overall]
    document: dict[str, Any] = {"status": word, "description": "llmmon collector"}
    if details:
        document |= {
            "version": service.version.partition(".")[0],
            "releaseId": service.version,
            "serviceId": service.service_id,
            "notes": list(_notes(views)),
            "checks": _by_key(views),
        }
        if word != "pass":
            document["output"] = "; ".join(_told(view) for view in views if view.status != "ok")
    return document, 503 if overall == "failing" else 200


def _by_key(views: Iterable[HealthView]) -> dict[str, list[dict[str, Any]]]:
    """A check may call one of its measurements as the draft calls its value: both are listed."""
    found: dict[str, list[dict[str, Any]]] = {}
    for view in views:
        for key, result in _results(view):
            found.setdefault(key, []).append(result)
    return found


def _notes(views: Iterable[HealthView]) -> Iterator[str]:
    for view in views:
        if view.flapping:
            yield f"{view.name} is flapping"
        if view.slow:
            yield f"{view.name} takes over half of its time-out"


def _told(view: HealthView) -> str:
    return f"{view.name} {view.status}: {view.message}" if view.message else view.name


def _results(view: HealthView) -> Iterator[tuple[str, dict[str, Any]]]:
    """The check's own result first, then a result for each thing that it measured."""
    own = _result(view)
    if view.value is None:
        yield view.name, own
    else:
        observed = {"observedValue": view.value, "observedUnit": view.unit}
        yield f"{view.name}:{_MEASUREMENTS.get(view.unit, 'value')}", own | observed
    for one in view.measurements:
        observed = {"observedValue": one.value, "observedUnit": one.unit}
        yield f"{view.name}:{one.name}", own | observed


def _result(view: HealthView) -> dict[str, Any]:
    result: dict[str, Any] = {
        "componentType": _COMPONENT_TYPES.get(view.type, "component"),
        "status": _WORDS[view.status],
    }
    if view.checked_ns is not None:
        result["time"] = datetime.fromtimestamp(view.checked_ns / 1e9, UTC).isoformat()
    if view.status != "ok" and view.message:
        result["output"] = view.message
    if view.status == "failing" and view.critical:
        result["affectedEndpoints"] = ["/healthz"]
    marks = {name: True for name in ("critical", "flapping", "slow") if getattr(view, name)}
    return result | marks
