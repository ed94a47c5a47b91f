"""Every way a process can end: what it had recorded is with the collector afterwards, once."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from textwrap import dedent

import pytest
from support.lifecycle import BEGIN, Lifecycles

TERM = "os.kill(os.getpid(), signal.SIGTERM); signal.pause()"
BY_SIGTERM = -signal.SIGTERM
# a process that a script started in the background ignores SIGINT, and so do its children
INT = """
signal.signal(signal.SIGINT, signal.default_int_handler)
os.kill(os.getpid(), signal.SIGINT)
"""

HOST_EXITS = "def on_term(*_): sys.exit(7)"
HOST_DIES = """
def on_term(*_):
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGTERM)
"""
HOST_LEAVES = "def on_term(*_): os._exit(9)"
HOST_CALLS_FIRST = """
def on_term(*given):
    earlier(*given)
    record(100)
    sys.exit(7)
"""
HOST_RESTORES = """
def on_term(*_):
    signal.signal(signal.SIGTERM, earlier)
    os.kill(os.getpid(), signal.SIGTERM)
"""
INSTALL = "\nearlier = signal.signal(signal.SIGTERM, on_term)\n"
IMPORTS = "import os, signal, sys\n"


@pytest.fixture(scope="module")
def lives() -> Iterator[Lifecycles]:
    with Lifecycles() as stage:
        yield stage


def _ends(lives: Lifecycles, script: str, status: int, events: int, *options: str) -> str:
    service = lives.service()
    ended = lives.run(service, script, options or ("-W", "error"))
    assert ended.returncode == status, ended.stderr
    assert lives.stored(service) == (events, events)
    return ended.stderr


@pytest.mark.parametrize(
    ("ending", "status"),
    [
        ("", 0),
        ("sys.exit(3)", 3),
        ("raise SystemExit", 0),
        (INT, -signal.SIGINT),
        (TERM, BY_SIGTERM),
    ],
    ids=["return", "sys.exit", "SystemExit", "SIGINT", "SIGTERM"],
)
def test_ordinary_ends(lives: Lifecycles, ending: str, status: int) -> None:
    _ends(lives, BEGIN + "record(500)\n" + ending, status, 501)


def test_an_exception_nobody_catches(lives: Lifecycles) -> None:
    complaint = _ends(lives, BEGIN + "record(500)\nraise ValueError('boom')", 1, 501)
    assert complaint.endswith("ValueError: boom\n")


def test_in_development_mode(lives: Lifecycles) -> None:
    script = BEGIN + "record(500)\n"
    assert _ends(lives, script, 0, 501, "-X", "dev", "-W", "error") == ""


@pytest.mark.parametrize(
    ("host", "status", "events"),
    [
        (IMPORTS + HOST_EXITS + INSTALL + BEGIN, 7, 501),
        (IMPORTS + HOST_DIES + INSTALL + BEGIN, BY_SIGTERM, 501),
        (IMPORTS + HOST_LEAVES + INSTALL + BEGIN, 9, 501),
        (BEGIN + HOST_EXITS + INSTALL, 7, 501),
        (BEGIN + HOST_CALLS_FIRST + INSTALL, 7, 601),
        (BEGIN + HOST_RESTORES + INSTALL, BY_SIGTERM, 501),
    ],
    ids=[
        "before-init-exits",
        "before-init-dies",
        "before-init-leaves",
        "after-init-exits",
        "after-init-calls-ours",
        "after-init-restores-ours",
    ],
)
def test_the_host_has_a_sigterm_handler(
    lives: Lifecycles, host: str, status: int, events: int
) -> None:
    _ends(lives, host + "record(500)\n" + TERM, status, events)


def test_a_host_handler_that_lets_the_process_go_on(lives: Lifecycles) -> None:
    goes_on = "def on_term(*_): record(100)"
    told = IMPORTS + goes_on + INSTALL + BEGIN + "record(500)\n"
    _ends(lives, told + "os.kill(os.getpid(), signal.SIGTERM)\nrecord(50)", 0, 651)


def test_a_loop_that_watches_for_sigterm(lives: Lifecycles) -> None:
    watches = """
    import asyncio, os, signal

    async def main():
        stop = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
        begin()
        record(500)
        os.kill(os.getpid(), signal.SIGTERM)
        await stop.wait()
        record(100)

    def begin():
        exec(BEGIN, globals())

    asyncio.run(main())
    """
    _ends(lives, f"BEGIN = {BEGIN!r}\n" + dedent(watches), 0, 601)


def test_sigterm_in_the_first_moments(lives: Lifecycles) -> None:
    first = "import llmmon, os, signal\nllmmon.init()\nllmmon.record('chat')\n"
    _ends(lives, first + TERM, BY_SIGTERM, 1)


def test_sigterm_while_recording(lives: Lifecycles) -> None:
    loop = """
    import itertools, mmap
    told = open("told", "w+b")
    told.truncate(4096)
    page = mmap.mmap(told.fileno(), 4096)
    threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGTERM)).start()
    for n in itertools.count(2):
        rec(0.0)
        page[:8] = n.to_bytes(8, "little")
        if n % 100 == 0:
            time.sleep(0.001)
    """
    service = lives.service()
    ended = lives.run(service, BEGIN + dedent(loop))
    assert (ended.returncode, ended.stderr) == (BY_SIGTERM, "")
    stored = lives.stored(service)
    told = int.from_bytes((lives.folder(service) / "told").read_bytes()[:8], "little")
    assert stored.ids == stored.events in (told, told + 1)


def test_exit_functions_of_the_host_that_record(lives: Lifecycles) -> None:
    # the last registered is called first: those of before the first record come after the agent
    script = "import atexit\natexit.register(lambda: record(70))\n" + BEGIN
    script += "atexit.register(lambda: record(100))\nrecord(500)"
    _ends(lives, script, 0, 601)


def test_daemon_threads_that_never_stop(lives: Lifecycles) -> None:
    loop = """
    def for_ever():
        while True:
            record(10)
            with llmmon.track("chat", model="m") as request:
                request.usage(1, 1)
            time.sleep(0.001)

    record(500)
    for _ in range(4):
        threading.Thread(target=for_ever, daemon=True).start()
    time.sleep(0.05)
    """
    service = lives.service()
    ended = lives.run(service, BEGIN + dedent(loop))
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
    stored = lives.stored(service)
    assert stored.ids == stored.events > 501


@pytest.mark.parametrize("death", ["os._exit(0)", "os.kill(os.getpid(), signal.SIGKILL)"])
def test_a_death_that_lets_nobody_act_costs_what_was_not_sent(
    lives: Lifecycles, death: str
) -> None:
    flushed = "record(500)\nassert llmmon.flush(timeout_s=10).pending == 0\nrecord(20)\n"
    status = 0 if "_exit" in death else -signal.SIGKILL
    _ends(lives, BEGIN + flushed + death, status, 501)
