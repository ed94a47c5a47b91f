"""Ends and forks in great numbers; how long an end takes; what a kill costs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from textwrap import dedent

import pytest
from support.lifecycle import BEGIN, Lifecycles
from support.report import Report
from support.servers import ASGI, GUNICORN, UVICORN, WSGI, Server, run_celery

FORKS, EVENTS = 40, 200
SIGTERMS = 60

FORK = f"""
done = threading.Event()
emitted = []

def emit():
    while not done.wait(0.001):
        record(5)
        emitted.append(5)

thread = threading.Thread(target=emit)
thread.start()
before = len(os.listdir("/proc/self/fd"))
children = []
for _ in range({FORKS}):
    pid = os.fork()
    if pid == 0:
        record({EVENTS})
        llmmon.flush(timeout_s=5)
        os._exit(0)
    children.append(pid)
for pid in children:
    os.waitpid(pid, 0)
done.set()
thread.join()
assert len(os.listdir("/proc/self/fd")) == before
llmmon.flush(timeout_s=20)
print(1 + sum(emitted))
"""

KEEP_THE_EPOCH = """
from llmmon.monitor import Monitor

begin = Monitor._begin_process

def begin_with_the_old_epoch(monitor):
    old = monitor.epoch
    begin(monitor)
    monitor.epoch = old or monitor.epoch

Monitor._begin_process = begin_with_the_old_epoch
"""

NO_HOOKS = """
import llmmon.deferred
llmmon.deferred.install_exits = lambda monitor: None
"""

UNTIL_SIGTERM = """
import itertools, mmap
told = open("told", "w+b")
told.truncate(4096)
page = mmap.mmap(told.fileno(), 4096)
print("ready", flush=True)
for n in itertools.count(2):
    rec(0.0)
    page[:8] = n.to_bytes(8, "little")
    if n % 20 == 0:
        time.sleep(0.0005)
"""

TELL_THE_TIME = "print(time.monotonic(), flush=True)\n"


@pytest.fixture(scope="module")
def lives() -> Iterator[Lifecycles]:
    with Lifecycles() as stage:
        yield stage


def _forks(lives: Lifecycles, sabotage: str = "") -> tuple[int, int, int]:
    """Events recorded by parent and children, those stored, and those stored twice."""
    service = lives.service()
    ended = lives.run(service, sabotage + BEGIN + FORK)
    assert ended.returncode == 0, ended.stderr
    stored = lives.stored(service)
    return int(ended.stdout) + FORKS * EVENTS, stored.events, stored.events - stored.ids


def test_many_forks_while_another_thread_records(lives: Lifecycles, report: Report) -> None:
    recorded, stored, repeated = _forks(lives)
    report(f"os.fork x {FORKS}, {EVENTS} events each", f"{stored}/{recorded}, {repeated} repeated")
    assert (stored, repeated) == (recorded, 0)


def test_control_children_in_the_epoch_of_their_parent_lose_events(lives: Lifecycles) -> None:
    recorded, stored, _ = _forks(lives, KEEP_THE_EPOCH)
    assert stored < recorded - EVENTS


def test_sigterm_in_a_tight_loop(lives: Lifecycles, report: Report) -> None:
    told: dict[str, int] = {}
    for number in range(SIGTERMS):
        service = lives.service()
        path = lives.folder(service) / "main.py"
        path.write_text(BEGIN + UNTIL_SIGTERM)
        process = subprocess.Popen(
            [sys.executable, path],
            env=lives.environment(service),
            cwd=path.parent,
            stdout=subprocess.PIPE,
        )
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(0.001 * (number % 20))
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)
        assert process.returncode == -signal.SIGTERM
        told[service] = int.from_bytes((path.parent / "told").read_bytes()[:8], "little")
    stored = {
        row["service"]: (row["events"], row["ids"])
        for row in lives.collector.query(
            "SELECT service, count(*) AS events, count(DISTINCT id) AS ids FROM requests GROUP BY 1"
        )
    }
    # the last may be on its way while its call has not returned
    fine = {name: ((max(1, n),) * 2, (n + 1,) * 2) for name, n in told.items()}
    exact = sum(stored[name] in both for name, both in fine.items())
    report(f"SIGTERM while recording x {SIGTERMS}", f"0 hung, {exact} with every event stored")
    assert exact == SIGTERMS


def test_control_without_hooks_an_end_loses_what_was_not_sent(lives: Lifecycles) -> None:
    service = lives.service()
    ended = lives.run(service, NO_HOOKS + BEGIN + "record(500)\n")
    assert ended.returncode == 0, ended.stderr
    assert lives.stored(service).events == 1


def _end_s(lives: Lifecycles, script: str, **more: str) -> float:
    """Seconds from the script's last line to the end of its process, the least of three runs."""
    taken_s = []
    for _ in range(3):
        ended = lives.run(lives.service(), script + TELL_THE_TIME, **more)
        now_s = time.monotonic()
        assert ended.returncode == 0, ended.stderr
        taken_s.append(now_s - float(ended.stdout.split()[-1]))
    return min(taken_s)


def test_how_long_an_end_takes(lives: Lifecycles, report: Report) -> None:
    bare_s = _end_s(lives, "import time\n")
    idle_s = _end_s(lives, BEGIN) - bare_s
    full_s = _end_s(lives, BEGIN + "record(9000)\n") - bare_s
    nowhere = f"ipc://{lives.directory}/nowhere"
    begin = "import llmmon, time\nllmmon.init()\nfor _ in range(500): llmmon.record()\n"
    alone_s = _end_s(lives, begin + "time.sleep(1)\n", LLMMON_ENDPOINT=nowhere) - bare_s
    assert lives.collector.process is not None
    pid = lives.collector.process.pid
    heard, hushed = (f"os.kill({pid}, signal.{name})\n" for name in ("SIGCONT", "SIGSTOP"))
    try:
        silence = f"import os, signal\n{heard}{BEGIN}{hushed}record(500)\n"
        silent_s = _end_s(lives, silence) - bare_s
    finally:
        os.kill(pid, signal.SIGCONT)
    report(
        "an end takes longer by",
        f"{idle_s:.2f} s with nothing waiting, {full_s:.2f} s with 9000 events, "
        f"{alone_s:.2f} s without a collector, {silent_s:.2f} s with one that is silent",
    )
    assert idle_s < 0.3
    assert alone_s < 0.8
    assert max(full_s, silent_s) < 2.5


def test_a_kill_costs_what_was_recorded_since_the_last_send(
    lives: Lifecycles, report: Report
) -> None:
    steady = """
    import itertools
    start_s = time.monotonic()
    for n in itertools.count(2):
        rec(0.0)
        if n % 10 == 0:
            time.sleep(0.01)
        if time.monotonic() - start_s > 2.7:
            print(n, flush=True)
            os.kill(os.getpid(), signal.SIGKILL)
    """
    service = lives.service()
    ended = lives.run(service, BEGIN + dedent(steady), LLMMON_FLUSH_INTERVAL_S="1")
    recorded = int(ended.stdout)
    stored = lives.stored(service)
    report("SIGKILL at 1000 events/s, sends every 1 s", f"{recorded - stored.events} not stored")
    assert stored.events == stored.ids
    # the interval, and what a slow machine adds to it
    assert recorded - stored.events < recorded * 1.5 / 2.7


def test_celery_that_was_not_initialised(lives: Lifecycles) -> None:
    worked = run_celery(lives, WITHOUT_INIT="1")
    assert worked.tasks == 20, worked.output
    assert lives.stored(worked.service) == (worked.recorded, worked.recorded), worked.output


@pytest.mark.parametrize(
    ("app", "command", "number"),
    [
        (ASGI, [*UVICORN, "--workers", "2"], signal.SIGINT),
        (WSGI, GUNICORN, signal.SIGINT),
        (WSGI, [*GUNICORN, "-k", "gthread", "--preload"], signal.SIGTERM),
        (WSGI, [*GUNICORN, "-k", "gevent", "--preload"], signal.SIGTERM),
    ],
    ids=["uvicorn-workers", "gunicorn-sync", "gunicorn-gthread", "gunicorn-gevent"],
)
def test_other_stops(lives: Lifecycles, app: str, command: list[str], number: int) -> None:
    server = Server(lives, app, command, WITHOUT_LIFESPAN="1")
    try:
        server.serve(workers=2)
        assert server.stop(number) == 0, server.output()
        assert lives.stored(server.service) == (server.recorded(), server.recorded())
    finally:
        server.close()
