"""One line a figure: what ``python -m bench`` gathers into ``bench/RESULTS.md``."""

from __future__ import annotations

import json
from typing import TypedDict, Unpack


class Goal(TypedDict, total=False):
    """What a figure speaks of, as a number, and the figure itself, in the same unit."""

    value: float | None
    at_most: float | None
    at_least: float | None


def show(
    name: str,
    measured: str,
    figure: str = "",
    ratio: str = "",
    peer: str = "",
    **goal: Unpack[Goal],
) -> None:
    """Print a result; texts carry their units, empty ones are left out.

    From the numbers of ``goal`` the table says whether the figure is reached.
    """
    texts = {"name": name, "measured": measured, "figure": figure, "ratio": ratio, "peer": peer}
    line: dict[str, object] = {key: text for key, text in texts.items() if text}
    line |= {key: number for key, number in goal.items() if number is not None}
    print(json.dumps(line), flush=True)


def show_share(name: str, measured: str, own: float, peer: str, theirs: float, share: int) -> None:
    """Print what may cost at most ``1/share`` of a peer's cost; no figure where ``share`` is 0."""
    figure, at_most = (f"1/{share}", 1 / share) if share else ("", None)
    ratio = f"1/{theirs / own:.1f}"
    show(name, measured, figure, ratio, peer, value=own / theirs, at_most=at_most)


def show_missing(name: str, figure: str, command: str, peer: str) -> None:
    """Print a row whose peer is not installed, and the command that installs it."""
    show(name, f"not installed: {command}", figure, peer=peer)


def not_installed(what: str, packages: str) -> None:
    """Say which comparison is left out, and how to get it; not a result."""
    print(f"{what}: not installed: pip install {packages}", flush=True)
