"""The collector in words: its books, its store, what it could not price; and its agents."""

from __future__ import annotations

from typing import Final

from llmmon.protocol.snapshot import IngestView
from llmmon_tui.drawing.gauge import gauge
from llmmon_tui.drawing.lines import Line
from llmmon_tui.drawing.table import Cell, Column, Row
from llmmon_tui.formatting import MISSING, age, count, duration, number, strip_controls
from llmmon_tui.model import Picture
from llmmon_tui.panels.channels import channel_body, trouble_count
from llmmon_tui.panels.collectorstatus import Agent, Status
from llmmon_tui.panels.healthquestions import STATUS
from llmmon_tui.panels.pastnotes import past_notes
from llmmon_tui.panels.prose import fact, wrap
from llmmon_tui.severity import Severity

AGENTS: Final = (
    Column("service", "service", 10, flex=True),
    Column("state", "state", 8),
    Column("heard", "heard", 6, "right"),
    Column("lost", "lost", 6, "right"),
    Column("host", "host", 14, min_width=64),
    Column("clock", "clock", 7, "right", 56),
    Column("open", "open", 5, "right", 76),
    Column("flight", "in flight", 9, "right", 86),
    Column("stored", "stored", 7, "right", 94),
    Column("pid", "pid", 7, "right", 104),
    Column("version", "version", 8, min_width=112),
)
MOST_TOLD: Final = 20
"""Models without a price that a snapshot names."""
_SKEWED_S: Final = 1.0
_GAUGE: Final = 10
_UNIT: Final = 1024
_WAITING: Final = "asking the collector …"
PRESENT: Final = "only known of the present"
"""What a picture of the past says of what no store keeps."""


def collector_lines(picture: Picture, width: int) -> list[Line]:
    """Trouble first, then the books, then what it stores."""
    snapshot = picture.snapshot
    if snapshot is None:
        return wrap("not known yet: no collector has answered", "muted", width)
    answer = picture.answer(STATUS)
    status: Status | None = answer.value
    if picture.is_past:
        told = (*past_notes(picture), PRESENT)
        return [line for one in told for line in wrap(one, "muted", width)]
    lines = [line for one in snapshot.problems for line in wrap(f"✖ {one}", "critical", width)]
    if status is None:
        said = answer.error or _WAITING
        lines += [*_figures(snapshot.ingest, width), *wrap(said, "muted", width)]
        return [*lines, *fact("unpriced", unpriced_text(snapshot.ingest, None), width)]
    return [
        *lines,
        *_books(status, width),
        *_figures(snapshot.ingest, width),
        *_about(status, width),
        *fact("unpriced", unpriced_text(snapshot.ingest, status), width),
    ]


def agent_rows(picture: Picture) -> list[Row]:
    """Those that are missed first, as the collector tells them."""
    status: Status | None = picture.answer(STATUS).value
    return [] if status is None else [_agent(one) for one in status.agents]


def agents_title(picture: Picture) -> tuple[str, str]:
    """What stands over the agents, and what beside it."""
    status: Status | None = picture.answer(STATUS).value
    if status is None:
        return "Agents", ""
    left_out = status.counts["agents_left_out"] or 0
    missed = sum(one.missed for one in status.agents)
    more = f", {count(left_out)} more not shown" if left_out else ""
    return f"Agents  {len(status.agents)}", f"{missed or 'none'} missed{more}"


def agents_empty(picture: Picture) -> str:
    """What a table without agents says."""
    answer = picture.answer(STATUS)
    if answer.value is not None:
        return "no agent has been heard of"
    if picture.snapshot is None:
        return f"connecting to {picture.address}"
    return PRESENT if picture.is_past else answer.error or _WAITING


def channels_told(picture: Picture, width: int) -> list[Line]:
    """The channels as they deliver now; how they did in the past is not kept."""
    return wrap(PRESENT, "muted", width) if picture.is_past else channel_body(picture, width)


def channels_beside(picture: Picture) -> str:
    """`1 of 3 in trouble`, of the present."""
    return "" if picture.is_past else trouble_count(picture)


def _books(status: Status, width: int) -> list[Line]:
    emitted, stored, in_flight = (count(one) for one in status.books.values())
    lost = sum(status.lost.values())
    text = f"{emitted} emitted = {stored} stored + {count(lost)} lost + {in_flight} in flight"
    lines = fact("books", text, width)
    if not status.balanced:
        lines += wrap("✖ the books do not balance", "critical", width)
    for reason, events in status.lost.items():
        lines += wrap(f"▲ {count(events)} lost: {reason}", "warning", width)
    return lines


def _figures(ingest: IngestView, width: int) -> list[Line]:
    """Facts always; trouble only where there is some."""
    gone = f", {count(ingest.agents_gone)} gone" if ingest.agents_gone else ""
    share = ingest.series / ingest.series_limit if ingest.series_limit else None
    facts = {
        "agents": f"{count(ingest.agents)} live{gone}",
        "series": f"{ingest.series} of {ingest.series_limit} {gauge(share, _GAUGE)}",
        "store behind": age(ingest.fold_lag_s),
    }
    trouble = {
        "series folded": ingest.overflowed_series,
        "late events": ingest.late_events,
        "rejected": ingest.rejected_batches,
        "throttled": ingest.batches_throttled,
        "repeats": ingest.duplicates_dropped,
    }
    lines = [line for name, text in facts.items() for line in fact(name, text, width)]
    for name, events in trouble.items():
        lines += fact(name, count(events), width) if events else []
    return lines


def unpriced_text(ingest: IngestView, status: Status | None) -> str:
    """`31 models: a, b, …`; a snapshot names some only, and then tells no number by itself."""
    names = ingest.unpriced_models
    if not names:
        return ""
    total = None if status is None else status.counts["unpriced_models_total"]
    known = len(names) if total is None else max(total, len(names))
    is_cut = total is None and len(names) >= MOST_TOLD
    more = ", …" if is_cut or known > len(names) else ""
    listed = ", ".join(strip_controls(name) for name in names)
    noun = "model" if known == 1 and not is_cut else "models"
    return f"{known}{' or more' if is_cut else ''} {noun}: {listed}{more}"


def _about(status: Status, width: int) -> list[Line]:
    texts, counts = status.texts, status.counts
    pid = f", pid {counts['pid']}" if counts["pid"] else ""
    waiting = _bytes(counts["unfolded_bytes"])
    facts = {
        "collector": f"{texts['name']} {texts['version']}{pid}, up {age(status.uptime_s)}",
        "rules": count(counts["rules"]),
        "journal": f"{_bytes(counts['journal_bytes'])}, {waiting} to store",
        "damaged": _bytes(counts["journal_damaged_bytes"])
        if counts["journal_damaged_bytes"]
        else "",
        "dead letters": count(counts["dead_letters"]) if counts["dead_letters"] else "",
        "address": texts["address"],
        "http": texts["http"],
    }
    return [line for name, text in facts.items() for line in fact(name, text, width)]


def _bytes(size: int | None) -> str:
    """`812 B`, `20 KiB`, `1.5 GiB`."""
    if size is None:
        return MISSING
    value = float(size)
    for unit in ("B", "KiB", "MiB"):
        if value < _UNIT:
            return f"{number(value)} {unit}"
        value /= _UNIT
    return f"{number(value)} GiB"


def _agent(agent: Agent) -> Row:
    lost = sum(agent.lost.values())
    skew_s = agent.clock_ahead_s
    is_skewed = skew_s is not None and abs(skew_s) >= _SKEWED_S
    cells = (
        strip_controls(agent.service or "(none)"),
        Cell(strip_controls(agent.state), ink="warning" if agent.missed else "muted"),
        age(agent.heard_s_ago),
        Cell(count(lost), Severity.WARNING if lost else Severity.OK),
        Cell(strip_controls(agent.host), ink="muted"),
        Cell(_skew(skew_s), Severity.WARNING if is_skewed else Severity.OK),
        Cell(count(agent.open_requests), ink="muted"),
        Cell(count(agent.in_flight), ink="muted"),
        Cell(count(agent.stored), ink="muted"),
        Cell(MISSING if agent.pid is None else str(agent.pid), ink="muted"),
        Cell(strip_controls(agent.version or MISSING), ink="muted"),
    )
    return Row(f"agent:{agent.key}", cells, Severity.WARNING if agent.missed else Severity.OK)


def _skew(ahead_s: float | None) -> str:
    """How far its clock is ahead of the collector's: `+4ms`, `-2.40s`."""
    if ahead_s is None:
        return MISSING
    return ("+" if ahead_s > 0 else "") + duration(ahead_s * 1000)
