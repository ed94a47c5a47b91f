"""Run every benchmark and write ``bench/RESULTS.md``: measured, figure, ratio to a peer, reached.

Each runs in a process of its own, so that none warms another's caches, and prints its rows with
``bench.result.show``. ``python -m bench NAME ...`` runs some, and writes nothing.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from bench.machine import describe
from bench.table import Group, Row, render

HERE: Final = Path(__file__).parent
BENCHES: Final = {
    "Agent: what a call costs the caller": ("agent_call", "agent_threads"),
    "Agent: all of its CPU": ("agent_total",),
    "Agent: import": ("agent_import",),
    "Bytes on the wire": ("wire_bytes",),
    "Collector: taking events in": ("ingest", "ingest_peers"),
    "Collector: journal and store": ("store", "ack_latency", "restart"),
    "Collector: rules": ("rules",),
    "Collector: snapshots": ("snapshot",),
    "Collector: windows and memory": ("windows",),
    "From the event to the screen": ("end_to_end",),
    "Terminal UI": ("tui_app", "tui_widgets"),
}
"""Modules of this package by what they are about, in the order of the figures to reach."""
_TIMEOUT_S: Final = 600


def main() -> int:
    """Run the benchmarks named on the command line, or all, and write the table."""
    chosen = sys.argv[1:]
    about = (
        f"Written by `make bench` on {datetime.now(UTC):%Y-%m-%d}. {describe()}\n"
        "Ratios are of two sides measured in one run; absolute times depend on the machine."
    )
    groups = [_group(title, names, chosen) for title, names in BENCHES.items()]
    document = render(about, [group for group in groups if group.rows])
    print(document)
    if not chosen:
        (HERE / "RESULTS.md").write_text(document)
    return int(any("failed" in row for group in groups for row in group.rows))


def _group(title: str, names: Collection[str], chosen: Collection[str]) -> Group:
    return Group(
        title, [row for name in names if not chosen or name in chosen for row in _run(name)]
    )


def _run(name: str) -> list[Row]:
    """The rows of one benchmark; where it fails, those it printed before and one that says so."""
    began_s = time.monotonic()
    command = [sys.executable, "-m", f"bench.{name}"]
    try:
        done = subprocess.run(
            command,
            check=False,
            cwd=HERE.parent,
            stdout=subprocess.PIPE,
            text=True,
            timeout=_TIMEOUT_S,
        )
        printed, problem = done.stdout, f"exit status {done.returncode}" * bool(done.returncode)
    except subprocess.TimeoutExpired as error:
        printed = (error.stdout or b"").decode(errors="replace")
        problem = f"not through in {_TIMEOUT_S} s"
    print(f"bench.{name}: {time.monotonic() - began_s:.0f} s", file=sys.stderr, flush=True)
    rows: list[Row] = [json.loads(line) for line in printed.splitlines() if line.startswith("{")]
    if problem:
        rows.append({"name": f"bench.{name}", "measured": f"failed: {problem}", "failed": 1})
    return rows


if __name__ == "__main__":
    raise SystemExit(main())
