"""The table of results: rows in groups, and whether each figure is reached. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

Row = Mapping[str, str | float]
"""What ``bench.result.show`` printed."""
COLUMNS: Final = ("name", "measured", "figure", "ratio", "peer")
_TITLES: Final = ("what", "measured", "figure to reach", "ratio to peer", "peer", "reached")


class Group(NamedTuple):
    """Rows that belong together."""

    title: str
    rows: Sequence[Row]


def is_reached(row: Row) -> bool | None:
    """Whether the value of ``row`` reaches its figure; None where a number is missing."""
    value, at_most, at_least = (row.get(key) for key in ("value", "at_most", "at_least"))
    if not isinstance(value, int | float):
        return None
    if isinstance(at_most, int | float):
        return value <= at_most
    if isinstance(at_least, int | float):
        return value >= at_least
    return None


def tally(groups: Sequence[Group]) -> str:
    """How many figures are reached, and which are not."""
    found = {True: 0, False: 0, None: 0}
    short = []
    for row in (row for group in groups for row in group.rows if row.get("figure")):
        reached = is_reached(row)
        found[reached] += 1
        if reached is False:
            short.append(f"- {_cell(row['name'])}: {_cell(row['measured'])} ({row['figure']})")
    counts = f"{found[True]} figures reached, {found[False]} not, {found[None]} without a number."
    return "\n".join([counts, "", *(["Not reached:", "", *short] if short else [])]).rstrip()


def render(about: str, groups: Sequence[Group]) -> str:
    """The whole document, in Markdown; ``about`` says when and where it was measured."""
    parts = ["# Benchmark results", about, tally(groups)]
    parts += [f"## {group.title}\n\n{_table(group.rows)}" for group in groups]
    return "\n\n".join(parts) + "\n"


def _table(rows: Sequence[Row]) -> str:
    lines = [_line(_TITLES), _line(["---"] * len(_TITLES))]
    for row in rows:
        reached = {True: "yes", False: "no", None: ""}[is_reached(row)]
        lines.append(_line([*(_cell(row.get(name, "")) for name in COLUMNS), reached]))
    return "\n".join(lines)


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(value: str | float) -> str:
    return " ".join(str(value).split()).replace("|", "\\|")
