"""What ``llmmon status`` tells: the ledger by agent, the store, the configuration in force."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, NamedTuple

from llmmon.protocol.snapshot import IngestView
from llmmon_collector.intake.ledger import Ledger, Stream, StreamId


class About(NamedTuple):
    """Facts about one running collector."""

    name: str
    note: str
    version: str
    pid: int
    started_ns: int
    now_ns: int
    address: str
    state_dir: str
    http: str
    """Where HTTP is served; empty where it is not."""
    config_files: tuple[str, ...]
    rules: int
    problems: tuple[str, ...]
    journal_bytes: int
    journal_damaged_bytes: int
    unfolded_bytes: int
    dead_letters: int


def status_document(
    about: About, ingest: IngestView, ledger: Ledger, mono_ns: int
) -> dict[str, Any]:
    """Everything as plain values; agents newest word first."""
    streams = sorted(ledger.streams.copy().items(), key=lambda item: -item[1].heard_ns)
    document = {name: value for name, value in about._asdict().items() if name != "now_ns"}
    return {
        **document,
        "config_files": list(about.config_files),
        "problems": list(about.problems),
        "uptime_s": (about.now_ns - about.started_ns) / 1e9,
        "ingest": {**asdict(ingest), "unpriced_models": list(ingest.unpriced_models)},
        "agents": [_agent_row(key, stream, mono_ns) for key, stream in streams],
    }


def _agent_row(key: StreamId, stream: Stream, mono_ns: int) -> dict[str, Any]:
    heard_s = (mono_ns - stream.heard_ns) / 1e9 if stream.heard_ns else None
    heartbeat = stream.heartbeat
    return {
        "agent_id": key.agent_id.hex(),
        "epoch": key.epoch,
        "service": stream.service,
        "host": stream.host,
        "pid": heartbeat.pid if heartbeat else None,
        "version": heartbeat.version if heartbeat else None,
        "alive": stream.is_alive(mono_ns),
        "ended": stream.ended,
        "heard_s_ago": heard_s,
        "emitted": stream.emitted,
        "stored": stream.stored,
        "lost": stream.lost_by_reason(),
        "in_flight": stream.in_flight,
        "last_seq": stream.last_seq,
        "open_requests": heartbeat.open_total if heartbeat and not stream.ended else None,
    }
