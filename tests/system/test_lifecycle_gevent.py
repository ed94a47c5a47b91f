"""Processes whose threads gevent has turned into greenlets: the sender stays a thread."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from textwrap import dedent

import pytest
from support.lifecycle import BEGIN, Lifecycles

PATCH = "from gevent import monkey\nmonkey.patch_all()\nimport gevent\n"

GREENLETS = """
def work():
    for _ in range(20):
        record(10)
        with llmmon.track("chat", model="m"):
            gevent.sleep(0.001)

with gevent.Timeout(20):
    gevent.joinall([gevent.spawn(work) for _ in range(10)], raise_error=True)
"""
IN_GREENLETS = 10 * 20 * 11


@pytest.fixture(scope="module")
def lives() -> Iterator[Lifecycles]:
    with Lifecycles() as stage:
        yield stage


def _all_arrive(lives: Lifecycles, script: str, events: int, status: int = 0) -> None:
    service = lives.service()
    # gevent itself warns of what it deprecates
    ended = lives.run(service, script, ("-W", "ignore"))
    assert (ended.returncode, ended.stderr) == (status, "")
    assert lives.stored(service) == (events, events)


def test_greenlets_record(lives: Lifecycles) -> None:
    _all_arrive(lives, PATCH + BEGIN + GREENLETS, 1 + IN_GREENLETS)


def test_patched_after_the_import(lives: Lifecycles) -> None:
    script = "import llmmon, threading\n" + PATCH + BEGIN + GREENLETS
    _all_arrive(lives, script, 1 + IN_GREENLETS)


def test_an_idle_sender_does_not_stop_the_others(lives: Lifecycles) -> None:
    # its wait in libzmq lasts for seconds: as a greenlet it would hold up every other
    turns = """
    def turn():
        for _ in range(100):
            gevent.sleep(0)
            time.sleep(0.001)

    with gevent.Timeout(3):
        gevent.joinall([gevent.spawn(turn) for _ in range(10)], raise_error=True)
    """
    _all_arrive(lives, PATCH + BEGIN + dedent(turns), 1)


def test_a_busy_hub_does_not_stop_the_sender(lives: Lifecycles) -> None:
    busy = """
    record(2000)
    while llmmon.stats().acknowledged < 1001:
        sum(range(1000))
    """
    _all_arrive(lives, PATCH + BEGIN + dedent(busy), 2001)


def test_a_backlog(lives: Lifecycles) -> None:
    _all_arrive(lives, PATCH + BEGIN + "record(9000)\n", 9001)


def test_a_backlog_begins_no_hub_in_the_thread_of_the_sender(lives: Lifecycles) -> None:
    # two hubs that begin at once may wait for each other's imports for ever
    script = """
    import gc
    record(9000)
    assert llmmon.flush(timeout_s=20).pending == 0
    hubs = [one for one in gc.get_objects() if isinstance(one, gevent.hub.Hub)]
    assert not hubs, hubs
    """
    _all_arrive(lives, PATCH + BEGIN + dedent(script), 9001)


def test_threads_that_are_greenlets_and_one_that_is_none(lives: Lifecycles) -> None:
    script = """
    threads = [threading.Thread(target=record, args=(100,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    gevent.get_hub().threadpool.apply(record, (200,))
    """
    _all_arrive(lives, PATCH + BEGIN + dedent(script), 1 + 800 + 200)


def test_sigterm(lives: Lifecycles) -> None:
    script = GREENLETS + "os.kill(os.getpid(), signal.SIGTERM)\ngevent.sleep(60)\n"
    _all_arrive(lives, PATCH + BEGIN + script, 1 + IN_GREENLETS, -signal.SIGTERM)


def test_forks(lives: Lifecycles) -> None:
    script = """
    record(100)
    statuses = []
    for _ in range(4):
        pid = os.fork()
        if pid == 0:
            gevent.joinall([gevent.spawn(record, 50) for _ in range(2)], raise_error=True)
            sys.exit(0)
        statuses.append(os.waitpid(pid, 0)[1])
    assert statuses == [0] * 4, statuses
    """
    _all_arrive(lives, PATCH + BEGIN + dedent(script), 1 + 100 + 4 * 100)
