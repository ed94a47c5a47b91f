"""The collector's books as text: what became of every event, agent by agent. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from llmmon.cli.tables import MISSING, age_text, plain, table

_COLUMNS: Final = {
    "service": "service",
    "host": "host",
    "pid": "pid",
    "state": "state",
    "emitted": "emitted",
    "stored": "stored",
    "lost": "lost",
    "in_flight": "in flight",
    "last_offset": "last offset",
    "heard_s_ago": "heard",
    "throttled": "throttled",
}
_SHOWN_WITH_ALL: Final = {"agent_id": "agent", "epoch": "epoch"}
_COUNTS: Final = ("emitted", "stored", "lost", "in_flight", "throttled")


def ledger_lines(collector: Mapping[str, Any], everything: bool) -> list[str]:
    """Lines for people; ``collector`` is the control method's result.

    Agents that have ended, and those gone for long that left nothing behind, share one line
    unless ``everything`` is asked for.
    """
    books, agents = collector.get("ledger"), collector.get("agents") or []
    lines = _sums(books) if books else []
    lines += _counted("rejected messages", collector.get("rejected") or {})
    shown = [row for row in agents if everything or not _is_over(row)]
    if shown:
        lines += ["", _table(shown, books, everything)]
    return lines + _hidden(agents, len(shown), collector.get("agents_left_out") or 0)


def _is_over(row: Mapping[str, Any]) -> bool:
    return row.get("state") == "ended" or (row.get("state") == "gone" and not row.get("missed"))


def _sums(books: Mapping[str, Any]) -> list[str]:
    lost = sum(books["lost"].values())
    emitted, stored, in_flight = books["emitted"], books["stored"], books["in_flight"]
    fine = emitted == stored + lost + in_flight
    line = (
        f"ledger: emitted {emitted} = stored {stored} + lost {lost} + in flight {in_flight}"
        if fine
        else f"ledger: emitted {emitted} IS NOT stored {stored} + lost {lost} "
        f"+ in flight {in_flight}: please report this"
    )
    lines = [line, *_counted("lost", books["lost"])]
    for name, meaning in (("throttled", "sent again later"), ("turned_away", "of agents too many")):
        if count := books.get(name):
            lines.append(f"{name.replace('_', ' ')}: {count} batches {meaning}")
    return lines


def _counted(name: str, counts: Mapping[str, int]) -> list[str]:
    return [f"{name}: {_reasons(counts)}"] if counts else []


def _reasons(counts: Mapping[str, int]) -> str:
    worst_first = sorted(counts.items(), key=lambda item: -item[1])
    return ", ".join(f"{count} {plain(reason)}" for reason, count in worst_first)


def _table(rows: list[Mapping[str, Any]], books: Mapping[str, Any] | None, everything: bool) -> str:
    columns = {**_COLUMNS, **(_SHOWN_WITH_ALL if everything else {})}
    cells = [[_cell(name, row.get(name)) for name in columns] for row in rows]
    reasons = [_reasons(row.get("lost") or {}) for row in rows]
    if books:
        total = {name: books.get(name) for name in _COUNTS} | {"service": "all agents"}
        cells.append([_cell(name, total.get(name)) for name in columns])
        reasons.append("")
    lines = [[*row, reason] for row, reason in zip(cells, reasons, strict=True)]
    return table([*columns.values(), "lost to"], lines)


def _cell(name: str, value: Any) -> object:
    if name == "lost" and isinstance(value, Mapping):
        return sum(value.values())
    if name == "heard_s_ago":
        return MISSING if value is None else age_text(value)
    return value


def _hidden(agents: Iterable[Mapping[str, Any]], shown: int, left_out: int) -> list[str]:
    hidden = list(agents)
    ended = sum(_is_over(row) for row in hidden) if shown < len(hidden) else 0
    lines = [f"ended and accounted for, see --all: {ended}"] if ended else []
    if left_out:
        lines.append(f"more agents, in these sums and not told one by one: {left_out}")
    return lines
