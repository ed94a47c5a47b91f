"""What a collector tells of itself on demand: the books, the store, and its agents one by one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from llmmon.errors import SchemaError
from llmmon_tui import fields

_TEXTS: Final = ("name", "version", "address", "http")
_COUNTS: Final = (
    "pid",
    "rules",
    "journal_bytes",
    "journal_damaged_bytes",
    "unfolded_bytes",
    "dead_letters",
    "unpriced_models_total",
    "agents_left_out",
)
_BOOKS: Final = ("emitted", "stored", "in_flight")


class Agent(NamedTuple):
    """One agent and epoch; None where it was not told."""

    key: str
    service: str
    host: str
    state: str
    pid: int | None
    version: str
    stored: int | None
    lost: Mapping[str, int]
    in_flight: int | None
    open_requests: int | None
    heard_s_ago: float | None
    clock_ahead_s: float | None
    missed: bool


class Status(NamedTuple):
    """The answer to `status`; texts are empty and counts None where they were not told."""

    texts: Mapping[str, str]
    counts: Mapping[str, int | None]
    uptime_s: float | None
    books: Mapping[str, int | None]
    """`emitted`, `stored` and `in_flight` over all agents."""
    lost: Mapping[str, int]
    """Events by reason."""
    balanced: bool
    """Whether emitted = stored + lost + in flight."""
    problems: tuple[str, ...]
    agents: tuple[Agent, ...]


def parse_status(result: Any) -> Status:
    """The readable parts of the answer.

    Raises:
        SchemaError: no books or no agents.
    """
    match result:
        case {"ledger": dict() as ledger, "agents": list() as agents}:
            problems = result.get("problems")
            return Status(
                texts={name: fields.text(result.get(name)) or "" for name in _TEXTS},
                counts={name: fields.whole(result.get(name)) for name in _COUNTS},
                uptime_s=fields.number(result.get("uptime_s")),
                books={name: fields.whole(ledger.get(name)) for name in _BOOKS},
                lost=_lost(ledger.get("lost")),
                balanced=ledger.get("balanced") is True,
                problems=tuple(map(str, problems)) if isinstance(problems, list) else (),
                agents=tuple(_agent(row) for row in agents if isinstance(row, dict)),
            )
    raise SchemaError("status: expected a ledger and agents")


def _agent(row: Mapping[str, Any]) -> Agent:
    def text(name: str) -> str:
        return fields.text(row.get(name)) or ""

    def whole(name: str) -> int | None:
        return fields.whole(row.get(name))

    return Agent(
        key=f"{text('agent_id')}:{whole('epoch')}",
        service=text("service"),
        host=text("host"),
        state=text("state"),
        pid=whole("pid"),
        version=text("version"),
        stored=whole("stored"),
        lost=_lost(row.get("lost")),
        in_flight=whole("in_flight"),
        open_requests=whole("open_requests"),
        heard_s_ago=fields.number(row.get("heard_s_ago")),
        clock_ahead_s=fields.number(row.get("clock_ahead_s")),
        missed=row.get("missed") is True,
    )


def _lost(plain: Any) -> Mapping[str, int]:
    told = plain.items() if isinstance(plain, dict) else ()
    counts = ((str(reason), fields.whole(number)) for reason, number in told)
    return {reason: number for reason, number in counts if number}
