"""Run every benchmark and write ``bench/RESULTS.md``: measured, figure to reach, ratio to a peer.

A benchmark prints lines ``{"name", "measured", "figure"?, "ratio"?, "peer"?}``, values as text with
their units. Each runs in a process of its own, so that none warms another's caches.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).parent
BENCHES: Final = (
    "agent_call",
    "agent_total",
    "wire_bytes",
    "ingest",
    "windows",
    "store",
    "snapshot",
    "tui_widgets",
    "tui_app",
)
_TIMEOUT_S: Final = 600


def main() -> int:
    """Run the benchmarks named on the command line, or all, and write the table."""
    chosen = sys.argv[1:] or list(BENCHES)
    rows: list[dict[str, str]] = []
    failed = False
    for name in chosen:
        print(f"bench.{name}", file=sys.stderr, flush=True)
        try:
            rows += _run(name)
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            failed = True
            rows.append({"name": name, "measured": f"failed: {error}"})
    table = _table(rows)
    print(table)
    if not sys.argv[1:]:
        (HERE / "RESULTS.md").write_text(table)
    return int(failed)


def _run(name: str) -> list[dict[str, str]]:
    done = subprocess.run(
        [sys.executable, "-m", f"bench.{name}"],
        cwd=HERE.parent,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=_TIMEOUT_S,
    )
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def _table(rows: list[dict[str, str]]) -> str:
    columns = ("name", "measured", "figure", "ratio", "peer")
    lines = [
        "# Benchmark results",
        "",
        f"Written by `make bench` on {datetime.now(UTC):%Y-%m-%d}. {_machine()}",
        "Ratios are of two sides measured in one run; absolute times depend on the machine.",
        "",
        "| what | measured | figure to reach | ratio to peer | peer |",
        "| --- | --- | --- | --- | --- |",
    ]
    lines += ["| " + " | ".join(str(row.get(c, "")) for c in columns) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def _machine() -> str:
    memory_gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"CPython {platform.python_version()}, {platform.system()} {platform.machine()}, "
        f"{os.cpu_count()} cores, {memory_gib:.0f} GiB."
    )


if __name__ == "__main__":
    raise SystemExit(main())
