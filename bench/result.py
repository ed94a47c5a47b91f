"""One line a figure: what ``python -m bench`` gathers into ``bench/RESULTS.md``."""

from __future__ import annotations

import json


def show(name: str, measured: str, figure: str = "", ratio: str = "", peer: str = "") -> None:
    """Print a result; texts carry their units, empty ones are left out."""
    line = {"name": name, "measured": measured, "figure": figure, "ratio": ratio, "peer": peer}
    print(json.dumps({key: text for key, text in line.items() if text}), flush=True)


def not_installed(what: str, packages: str) -> None:
    """Say which comparison is left out, and how to get it; not a result."""
    print(f"{what}: not installed: pip install {packages}", flush=True)
