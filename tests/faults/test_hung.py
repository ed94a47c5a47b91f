"""A collector that hangs: its agents notice by the lack of acknowledgements, and lose nothing."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from typing import Any

import pytest
from support.report import Report
from support.stage import Stage, new_stage

NOTICED_S = 3.0

SERVICE = """
import json, sys, threading, time
import llmmon
llmmon.init(service="shop", environment="faults", flush_interval_s=0.05)
llmmon.record("chat", model="m", input_tokens=0)
assert llmmon.flush(timeout_s=30).pending == 0
print("there", flush=True)
ending = threading.Event()
threading.Thread(target=lambda: (sys.stdin.readline(), ending.set()), daemon=True).start()
sent, seen = 1, []
while not ending.wait(0.01):
    for _ in range(10):
        llmmon.record("chat", model="m", input_tokens=sent)
        sent += 1
    stats = llmmon.stats()
    seen.append((time.monotonic(), stats.connected, stats.spooled))
llmmon.flush(timeout_s=30)
stats = llmmon.stats()
print(json.dumps({"sent": sent, "lost": sum(stats.lost.values()), "seen": seen,
                  "acknowledged": stats.acknowledged}), flush=True)
"""

NEVER_DOUBTS = """
from llmmon.delivery.delivery import Delivery
from llmmon.delivery.retransmit import RetransmitTimer
RetransmitTimer.expire = lambda self, now_s: False
Delivery.spill_at = lambda self: None
"""


@pytest.fixture
def stage() -> Iterator[Stage]:
    with new_stage() as made:
        yield made


def _hung(stage: Stage, sabotage: str, hang_s: float) -> tuple[dict[str, Any], float, int]:
    """What a service says of a hang, when it began, and what is stored after."""
    collector = stage.start()
    service = stage.popen("-c", sabotage + SERVICE)
    assert service.stdout is not None
    assert service.stdout.readline() == "there\n"
    time.sleep(1.0)
    assert collector.process is not None
    hung_s = time.monotonic()
    collector.process.send_signal(signal.SIGSTOP)
    time.sleep(hang_s)
    collector.process.send_signal(signal.SIGCONT)
    time.sleep(2.0)
    told = json.loads(service.communicate("\n", 60)[0])

    # a query waits until what is committed is folded
    (row,) = collector.query(
        "SELECT count(*) AS n, count(DISTINCT input_tokens) AS different FROM requests"
    )
    assert told["acknowledged"] <= row["n"] == row["different"]
    return told, hung_s, row["n"]


def _noticed_s(told: dict[str, Any], hung_s: float) -> tuple[float, float]:
    """How long until it spilled, and until it said that nobody is there."""
    infinity = float("inf")
    spilled = [at for at, _, spooled in told["seen"] if at > hung_s and spooled]
    away = [at for at, connected, _ in told["seen"] if at > hung_s and not connected]
    return min(spilled, default=infinity) - hung_s, min(away, default=infinity) - hung_s


@pytest.mark.timeout(200)
def test_a_hung_collector_is_noticed_by_the_lack_of_acknowledgements(
    stage: Stage, report: Report
) -> None:
    told, hung_s, stored = _hung(stage, "", 8.0)
    spilled_s, away_s = _noticed_s(told, hung_s)
    report(
        "a collector that hangs for 8 s at 1000 events/s",
        f"spooling after {spilled_s:.2f} s, not connected after {away_s:.2f} s; "
        f"{stored} of {told['sent']} stored, 0 repeated",
    )
    assert max(spilled_s, away_s) < NOTICED_S
    assert (told["lost"], stored) == (0, told["sent"])
    assert told["seen"][-1][1]


@pytest.mark.timeout(200)
def test_control_an_agent_that_never_doubts_does_not_notice(stage: Stage, report: Report) -> None:
    told, hung_s, _ = _hung(stage, NEVER_DOUBTS, 6.0)
    spilled_s, away_s = _noticed_s(told, hung_s)
    assert min(spilled_s, away_s) > NOTICED_S
    report("  control: without timers", "a hang of 6 s is not noticed within 3 s")
