"""The terminal under the UI stands still, or is closed while nobody may tell the process so."""

from __future__ import annotations

import time

import psutil
import pytest
from support.collector import CollectorProcess
from support.line import Line
from support.report import Report

pytestmark = pytest.mark.timeout(300)
LOCAL = {"rate": 1e6, "one_way_s": 0.0}
STALLED_S = 15.0
CURRENT_S = 1.5
GONE_S = 10.0
SPENT_S = 2.0
"""CPU that it may take to notice and to end."""
HANGUP_IGNORED = """
import signal
signal.signal(signal.SIGHUP, signal.SIG_IGN)
{sabotage}
from llmmon_tui.cli import main
main()
"""
"""As ``nohup`` starts it."""
BLIND = "from llmmon_tui import live; live.is_gone = lambda: False"


def ignoring_hangup(collector: CollectorProcess, sabotage: str = "") -> Line:
    program = HANGUP_IGNORED.format(sabotage=sabotage)
    return Line(["-c", program, "--connect", collector.address], (120, 40), **LOCAL)


def shows_now(line: Line) -> bool:
    """Whether the clock on the screen is that on the wall, or a second behind."""
    now_s = time.time()
    clocks = (time.strftime("%H:%M:%S", time.localtime(now_s - late)) for late in (0, 1))
    return any(clock in line.lines[0] for clock in clocks)


def test_a_terminal_that_stood_still_is_current_at_once(
    collector: CollectorProcess, report: Report
) -> None:
    with Line(["-m", "llmmon_tui", "--connect", collector.address], (120, 40), **LOCAL) as line:
        line.until(shows_now)
        process = psutil.Process(line.child.pid)
        spent_s = sum(process.cpu_times()[:2])
        time.sleep(STALLED_S)  # nobody reads
        spent_s = sum(process.cpu_times()[:2]) - spent_s
        assert not shows_now(line)
        taken_s = line.until(shows_now)
        line.press(b" ", lambda line: "PAUSED" in line.lines[0])
    figure = f"current {taken_s:.2f} s after, {spent_s / STALLED_S:.1%} of a core meanwhile"
    report(f"a terminal that nobody reads for {STALLED_S:.0f} s", figure)
    assert taken_s < CURRENT_S


def test_a_closed_window_ends_it_even_where_hangups_are_ignored(
    collector: CollectorProcess, report: Report
) -> None:
    line = ignoring_hangup(collector)
    line.until(shows_now)
    process = psutil.Process(line.child.pid)
    began_s, spent_s = time.monotonic(), sum(process.cpu_times()[:2])
    line.hang_up()
    while time.monotonic() < began_s + GONE_S and line.child.poll() is None:
        with process.oneshot():
            now_spent_s = sum(process.cpu_times()[:2])
        time.sleep(0.05)
    assert line.child.poll() is not None, f"lives on after {GONE_S} s"
    spent_s = now_spent_s - spent_s
    line.forget()
    figure = f"gone in {time.monotonic() - began_s:.1f} s, {spent_s:.1f} s of CPU"
    report("a window closed with SIGHUP ignored", figure)
    assert spent_s < SPENT_S


def test_control_who_does_not_look_whether_the_terminal_is_there_lives_on(
    collector: CollectorProcess,
) -> None:
    line = ignoring_hangup(collector, BLIND)
    line.until(shows_now)
    line.hang_up()
    time.sleep(GONE_S)
    assert line.child.poll() is None
    line.forget()
