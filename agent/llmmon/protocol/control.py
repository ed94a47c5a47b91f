"""Questions to a collector and its answers, on the control socket.

A request is one frame, a reply one frame, both msgpack maps:
``{"id": n, "method": name, "params": {...}}`` and ``{"id": n, "result": ...}`` or
``{"id": n, "error": {"code": c, "reason": text}}``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from llmmon.errors import ControlError, SchemaError
from llmmon.protocol.codec import pack, unpack

CODES: Final = (
    "bad_request",
    "unknown_method",
    "forbidden",
    "not_found",
    "too_big",
    "timeout",
    "failed",
)
MAX_REQUEST: Final = 64 * 1024
MAX_REPLY: Final = 64 * 1024 * 1024
MAX_ITEMS: Final = 1_000_000
_MAX_REQUEST_ITEMS: Final = 256

METHODS: Final = {
    "snapshot": "by: str = 'model', at_ns: int|None, windows_s: [int]|None -> "
    "bytes of a Snapshot (snapshot.decode_snapshot)",
    "metrics": "window_s: int, by: [dimension] -> "
    "{at_ns, window_s, total, series: [labels and metrics]}",
    "history": "window_s: int, points: int, end_ns: int|None, where: {dimension: value} -> "
    "{start_ns, step_ns, metrics: {name: [value|None]}}",
    "parts": "window_s: int, by: str = 'model' -> bytes of Parts (parts.decode_parts)",
    "history_parts": "as history -> bytes of HistoryParts (parts.decode_history)",
    "requests": "limit: int, only: 'all'|'errors'|'slow', where: {dimension: value}, "
    "since_ns: int|None, until_ns: int|None -> [row]",
    "trace": "id: str -> {requests: [row], spans: [row], logs: [row], scores: [row]}",
    "query": "sql: str, limit: int = 10000, timeout_s: float = 10 -> "
    "{columns: [name], rows: [[value]], truncated: bool}",
    "status": "-> {name, note, version, pid, started_ns, uptime_s, address, state_dir, http, "
    "config_files, rules, problems, journal_bytes, journal_damaged_bytes, unfolded_bytes, "
    "dead_letters, rejected: {reason: n}, ingest, ledger: {emitted, stored, lost: {reason: n}, "
    "in_flight, balanced, forgotten, throttled, turned_away}, agents: [row], agents_left_out}",
    "acknowledge": "alert_id: str, by: str, note: str -> {}",
    "silence": "matchers: {rule|severity|label: glob}, duration_s: float, delay_s: float = 0 or "
    "starts_ns: int|None, by: str, comment: str -> {id}",
    "silences": "-> [{id, matchers, starts_ns, ends_ns, by, comment, "
    "state: 'pending'|'active'|'expired'}], those that end first first",
    "end_silence": "id: str, by: str -> {}",
    "transitions": "after_seq: int|None, limit: int = 100 -> [row of an alert's change with seq], "
    "oldest first: the next ones after that number, or the newest",
    "reload": "-> {rules: int, problems: [text]}",
    "explain": "name: str, labels: {label: value}|None -> {rule, family, value, where, by, "
    "window_s, for_s, keep_firing_for_s, min_requests, no_data, cooldown_s, channels, runbook, "
    "at_ns, hold, error, groups_total, groups: [{labels, state, why, requests, missing, "
    "parts: [{text, value}], limits: [row], alert: row|None, told: [row]}]}",
}
"""Every method with its parameters and its result."""


class Request(NamedTuple):
    """One question."""

    id: int
    method: str
    params: dict[str, Any]


def encode_request(request: Request) -> bytes:
    """``request`` as one frame."""
    return pack({"id": request.id, "method": request.method, "params": request.params})


def decode_request(payload: bytes) -> Request:
    """The request in ``payload``.

    Raises:
        SchemaError: over 64 KiB, or not a request.
    """
    if len(payload) > MAX_REQUEST:
        raise SchemaError(f"request of {len(payload)} bytes, at most {MAX_REQUEST}")
    match unpack(payload, _MAX_REQUEST_ITEMS):
        case {"id": int() as id_, "method": str() as method, "params": dict() as params}:
            return Request(id_, method, params)
    raise SchemaError("request: expected id, method and params")


def encode_result(request_id: int, result: Any) -> bytes:
    """The reply of a request that went well."""
    return pack({"id": request_id, "result": result})


def encode_error(request_id: int, code: str, reason: str) -> bytes:
    """The reply of a request that was refused; ``code`` is one of ``CODES``."""
    return pack({"id": request_id, "error": {"code": code, "reason": reason}})


def decode_reply(payload: bytes) -> tuple[int, Any]:
    """Whose reply it is, and the result.

    Raises:
        ControlError: the collector refused the request.
        SchemaError: not a reply.
    """
    if len(payload) > MAX_REPLY:
        raise SchemaError(f"reply of {len(payload)} bytes, at most {MAX_REPLY}")
    reply: Mapping[str, Any] | Any = unpack(payload, MAX_ITEMS, MAX_ITEMS)
    match reply:
        case {"id": int() as id_, "result": result}:
            return id_, result
        case {"id": int() as id_, "error": {"code": str() as code, "reason": str() as reason}}:
            raise ControlError(code, reason, id_)
    raise SchemaError("reply: expected id, and result or error")
