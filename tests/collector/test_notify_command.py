"""Real programs that take notifications on standard input."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from support.dispatching import Dispatching, dispatching


@pytest.fixture
async def daemon() -> AsyncIterator[Dispatching]:
    async with dispatching() as made:
        made.environ = dict(os.environ)
        yield made


def start(daemon: Dispatching, script: str, *arguments: str, **keys: Any) -> None:
    command = [sys.executable, "-c", script, *arguments]
    daemon.start(run={"type": "command", "command": command, **keys})


async def test_a_program_gets_the_alerts_and_its_arguments_as_they_are(
    daemon: Dispatching, tmp_path: Path
) -> None:
    script = "import sys; open(sys.argv[1], 'w').write(sys.argv[2] + '\\n' + sys.stdin.read())"
    start(daemon, script, str(tmp_path / "got"), "$(rm -rf x) ; `y`", title="{rule}!")
    daemon.put("run", "a")
    await daemon.settled()
    argument, message = (tmp_path / "got").read_text().splitlines()
    assert argument == "$(rm -rf x) ; `y`"
    [told] = json.loads(message)["alerts"]
    assert (told["id"], told["event"], told["title"]) == ("a", "firing", "slow!")
    assert daemon.status("run").sent == 1


@pytest.mark.parametrize(
    ("script", "waiting", "error"),
    [
        ("exit(75)", 1, "exit status 75"),
        ("import os; os.kill(os.getpid(), 9)", 1, "killed by signal 9"),
        ("exit('no token=abcdefgh12')", 0, "exit status 1: no token=***"),
        ("exit(3)", 0, "exit status 3"),
    ],
)
async def test_its_exit_status_says_how_it_went(
    daemon: Dispatching, script: str, waiting: int, error: str
) -> None:
    start(daemon, script)
    daemon.put("run", "a")
    await daemon.settled()
    channel = daemon.status("run")
    assert (channel.waiting, channel.last_error) == (waiting, error)


async def test_a_program_that_cannot_be_started_is_tried_again(daemon: Dispatching) -> None:
    daemon.start(run={"type": "command", "command": ["/nonexistent"]})
    daemon.put("run", "a")
    await daemon.settled()
    assert daemon.status("run").waiting == 1
    assert "/nonexistent cannot be started" in daemon.status("run").last_error


async def test_one_that_hangs_is_killed_with_its_children(
    daemon: Dispatching, tmp_path: Path
) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    script = (
        "import subprocess, sys, time;"
        "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'], "
        "stdout=open(sys.argv[1], 'w')); time.sleep(600)"
    )
    start(daemon, script, str(fifo), timeout="2s")
    reader = asyncio.to_thread(fifo.read_text)
    reading = asyncio.ensure_future(reader)
    daemon.put("run", "a")
    await daemon.settled()
    assert daemon.status("run").last_error == "it did not end within 2 s and was killed"
    assert await asyncio.wait_for(reading, 10) == ""


async def test_what_it_leaves_running_does_not_make_it_late(daemon: Dispatching) -> None:
    script = "import subprocess; subprocess.Popen(['sleep', '600'])"
    start(daemon, script, timeout="1m")
    daemon.put("run", "a")
    await daemon.settled()
    assert daemon.status("run").sent == 1


async def test_one_that_reads_nothing_and_talks_too_much_does_no_harm(daemon: Dispatching) -> None:
    start(daemon, "import sys; sys.stderr.write('x' * 10**6); exit(75)")
    daemon.put("run", *(f"k{n}" for n in range(100)))
    await daemon.settled()
    assert daemon.status("run").last_error == f"exit status 75: {'x' * 200}"


async def test_stopping_kills_what_runs(daemon: Dispatching, tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    script = "import sys, time; f = open(sys.argv[1], 'w'); print('on', file=f, flush=True); "
    start(daemon, script + "time.sleep(600)", str(fifo), timeout="1m")
    daemon.put("run", "a")
    with await asyncio.to_thread(fifo.open) as reader:
        assert await asyncio.to_thread(reader.readline) == "on\n"
        assert daemon.dispatcher is not None
        await daemon.dispatcher.stop()
        assert await asyncio.to_thread(reader.read) == ""
    assert daemon.outbox.waiting("run") == 1
