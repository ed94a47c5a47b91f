"""What ``llmmon status`` tells: the ledger by agent, the store, the configuration in force."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final, NamedTuple

from llmmon.protocol.snapshot import IngestView
from llmmon_collector.account import add_into
from llmmon_collector.intake.ledger import Ledger
from llmmon_collector.intake.stream import State, Stream, StreamId

MOST_ROWS: Final = 1000
"""Agents and epochs told one by one: those that matter most."""

_ORDER: Final = {state: place for place, state in enumerate(State)}


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


def status_document(
    about: About, figures: Mapping[str, Any], ingest: IngestView, ledger: Ledger, mono_ns: int
) -> dict[str, Any]:
    """Everything as plain values; agents that are missed first, then by state and newest word."""
    document = {name: value for name, value in about._asdict().items() if name != "now_ns"}
    with ledger.lock:
        rows = [_agent_row(key, one, ledger, mono_ns) for key, one in ledger.streams.items()]
        books = ledger_document(ledger, rows)
    rows.sort(key=_rank)
    return {
        **document,
        **figures,
        "config_files": list(about.config_files),
        "problems": list(about.problems),
        "uptime_s": (about.now_ns - about.started_ns) / 1e9,
        "ingest": {**asdict(ingest), "unpriced_models": list(ingest.unpriced_models)},
        "ledger": books,
        "agents": rows[:MOST_ROWS],
        "agents_left_out": max(0, len(rows) - MOST_ROWS),
    }


def ledger_document(ledger: Ledger, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The books over all agents: emitted = stored + lost + in flight.

    ``forgotten`` are the sums of agents that ended long ago and have no row any more.
    """
    forgotten_lost = ledger.lost_before
    forgotten = {"stored": ledger.stored_before, "lost": dict(forgotten_lost)}
    lost = dict(forgotten_lost)
    for row in rows:
        add_into(lost, row["lost"])
    emitted_before = ledger.stored_before + sum(forgotten_lost.values())
    emitted = emitted_before + sum(row["emitted"] for row in rows)
    stored = ledger.stored_before + sum(row["stored"] for row in rows)
    in_flight = sum(row["in_flight"] for row in rows)
    return {
        "emitted": emitted,
        "stored": stored,
        "lost": lost,
        "in_flight": in_flight,
        "balanced": emitted == stored + sum(lost.values()) + in_flight,
        "forgotten": forgotten,
        "throttled": ledger.throttled,
        "turned_away": ledger.turned_away,
    }


def _rank(row: dict[str, Any]) -> tuple[bool, int, float]:
    silence_s = row["heard_s_ago"]
    silence_s = float("inf") if silence_s is None else silence_s
    return not row["missed"], _ORDER[row["state"]], silence_s


def _agent_row(key: StreamId, stream: Stream, ledger: Ledger, mono_ns: int) -> dict[str, Any]:
    heartbeat = stream.heartbeat
    state = stream.state(mono_ns, ledger.opened_ns)
    is_open = heartbeat is not None and state in (State.LIVE, State.IDLE)
    return {
        "service": stream.service,
        "host": stream.host,
        "pid": heartbeat.pid if heartbeat else None,
        "state": str(state),
        "emitted": stream.emitted,
        "stored": stream.stored,
        "lost": stream.lost_by_reason(),
        "in_flight": stream.in_flight,
        "last_offset": stream.next_event,
        "last_seq": stream.last_seq,
        "throttled": stream.throttled,
        "heard_s_ago": stream.silence_s(mono_ns),
        "clock_ahead_s": stream.skew.ns / 1e9,
        "missed": ledger.is_missed(stream, mono_ns),
        "open_requests": heartbeat.open_total if heartbeat and is_open else None,
        "version": heartbeat.version if heartbeat else None,
        "agent_id": key.agent_id.hex(),
        "epoch": key.epoch,
    }
