"""What ``import llmmon`` costs a service that starts, beside ``import prometheus_client``.

CPU of the import alone, compiled before, medians over fresh processes that take turns.
"""

from __future__ import annotations

import importlib.util
import json
import statistics
import subprocess
import sys
from typing import Final, NamedTuple

from bench.compiled import compiled_environ
from bench.peers import libraries
from bench.result import show, show_missing, show_share

ROUNDS: Final = 9
OWN: Final = "llmmon"
PEER: Final = "prometheus_client"
SHARE: Final = 10
HEAVY: Final = ("zmq", "msgpack", "numpy", "asyncio")
ROW: Final = "import of llmmon, a fresh process"
_SCRIPT: Final = """
import json, sys, time
sys.path += json.loads(sys.argv[2])
began = time.process_time_ns()
__import__(sys.argv[1])
print(json.dumps([(time.process_time_ns() - began) / 1e6, list(sys.modules)]))
"""


class Import(NamedTuple):
    """One import in a process of its own."""

    cpu_ms: float
    modules: list[str]


def import_of(name: str) -> Import:
    """Import ``name`` in a fresh process."""
    command = [sys.executable, "-c", _SCRIPT, name, json.dumps(sys.path[-1:])]
    env = compiled_environ()
    done = subprocess.run(command, env=env, stdout=subprocess.PIPE, text=True, check=True)
    return Import(*json.loads(done.stdout))


def main() -> None:
    """Measure and print."""
    libraries.activate()
    heavy = [name for name in HEAVY if name in import_of(OWN).modules]
    show(
        "loaded by import llmmon",
        ", ".join(heavy) or f"none of {', '.join(HEAVY)}",
        f"none of {', '.join(HEAVY)}",
        value=len(heavy),
        at_most=0,
    )
    if importlib.util.find_spec(PEER) is None:
        show_missing(ROW, f"1/{SHARE}", libraries.COMMAND, PEER)
        return
    import_of(PEER)
    pairs = [[import_of(name).cpu_ms for name in (OWN, PEER)] for _ in range(ROUNDS)]
    own, theirs = (statistics.median(column) for column in zip(*pairs, strict=True))
    show_share(ROW, f"{own:.1f} ms CPU", own, f"{PEER}: {theirs:.1f} ms CPU", theirs, SHARE)


if __name__ == "__main__":
    main()
