"""What the Models, Alerts and Health screens ask beyond the snapshot, answered for a busy one."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Final

from llmmon.protocol.snapshot import encode_snapshot
from support.snapshots import AT_NS, busy_snapshot, ingest
from support.viewer_peer import ViewerPeer

SECOND_NS: Final = 1_000_000_000
FIRST_NS: Final = AT_NS - 86_400 * SECOND_NS
"""Since when requests are stored."""
ERROR_ROWS: Final = [
    ["RateLimitError", 429, 61, AT_NS - 12 * SECOND_NS],
    ["TimeoutError", None, 21, AT_NS - 47 * SECOND_NS],
    ["", 500, 7, AT_NS - 200 * SECOND_NS],
]


def errors(params: dict[str, Any]) -> dict[str, Any]:
    """The answer to the query for kinds of errors; health runs and the first request's time for
    the others."""
    if "min(time)" in params["sql"]:
        return {"columns": ["first"], "rows": [[FIRST_NS]], "truncated": False}
    if "FROM health" in params["sql"]:
        rows = [["disk", "degraded", AT_NS - 3600 * SECOND_NS, "91 % used"]]
        rows.append(["disk", "ok", AT_NS - 7200 * SECOND_NS, "40 % used"])
        return {"columns": ["name", "status", "at", "message"], "rows": rows, "truncated": False}
    columns = ["error", "status_code", "n", "last"]
    return {"columns": columns, "rows": ERROR_ROWS, "truncated": False}


def agent_row(service: str, **changes: Any) -> dict[str, Any]:
    """One agent of ``status``, with ``changes`` laid over."""
    fields = {
        "service": service,
        "host": "web-1",
        "pid": 4711,
        "state": "live",
        "emitted": 600_010,
        "stored": 600_000,
        "lost": {},
        "in_flight": 10,
        "last_offset": 600_010,
        "last_seq": 4002,
        "throttled": 0,
        "heard_s_ago": 1.2,
        "clock_ahead_s": 0.004,
        "missed": False,
        "open_requests": 7,
        "version": "0.1.0",
        "agent_id": "0a" * 16,
        "epoch": 1,
    }
    return fields | changes


def status(params: dict[str, Any]) -> dict[str, Any]:
    """The answer to ``status``: three agents, one of them missed, two events lost."""
    agents = [
        agent_row("batch", state="gone", missed=True, heard_s_ago=700.0, in_flight=7),
        agent_row("chat", lost={"queue_full": 2}, clock_ahead_s=-2.4),
        agent_row("search", host="web-2"),
    ]
    told = asdict(ingest())
    return {
        "name": "prod-eu",
        "note": "",
        "version": "0.1.0",
        "pid": 815,
        "started_ns": AT_NS - 86_400 * SECOND_NS,
        "uptime_s": 86_400.0,
        "address": "ipc:///run/llmmon",
        "state_dir": "/var/lib/llmmon",
        "http": "http://127.0.0.1:5560",
        "config_files": ["/etc/llmmon/collector.toml"],
        "rules": 9,
        "problems": [],
        "journal_bytes": 1_048_576,
        "journal_damaged_bytes": 0,
        "unfolded_bytes": 20_480,
        "dead_letters": 0,
        "rejected": {},
        "unpriced_models_total": 31,
        "ingest": {**told, "unpriced_models": list(told["unpriced_models"])},
        "ledger": {
            "emitted": 1_204_252,
            "stored": 1_204_233,
            "lost": {"queue_full": 2},
            "in_flight": 17,
            "balanced": True,
            "forgotten": {"stored": 0, "lost": {}},
            "throttled": 0,
            "turned_away": 0,
        },
        "agents": agents,
        "agents_left_out": 0,
    }


def answer_ops(peer: ViewerPeer) -> None:
    """Let ``peer`` answer the questions of these screens, snapshots of the past included."""
    live = peer.answers["snapshot"]

    def snapshot(params: dict[str, Any]) -> Any:
        if params.get("at_ns") is None:
            return live(params)
        return encode_snapshot(busy_snapshot(by=params["by"], at_ns=params["at_ns"]))

    peer.answers |= {"query": errors, "status": status, "snapshot": snapshot}
