"""Threads, tasks and child processes of every make: all that they recorded arrives, once."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import dedent

import pytest
from support.lifecycle import BEGIN, Lifecycles


@pytest.fixture(scope="module")
def lives() -> Iterator[Lifecycles]:
    with Lifecycles() as stage:
        yield stage


def _all_arrive(lives: Lifecycles, script: str, events: int) -> None:
    service = lives.service()
    ended = lives.run(service, script)
    assert ended.returncode == 0, ended.stderr
    assert ended.stderr == ""
    assert lives.stored(service) == (events, events)


def test_threads_that_outlive_the_main_one(lives: Lifecycles) -> None:
    script = """
    def work():
        for _ in range(25):
            record(10)
            time.sleep(0.002)

    for _ in range(8):
        threading.Thread(target=work).start()
    """
    _all_arrive(lives, BEGIN + dedent(script), 1 + 8 * 250)


def test_tasks_cancelled_with_their_loop(lives: Lifecycles) -> None:
    script = """
    import asyncio

    async def ask(started):
        async with llmmon.track("chat", model="m"):
            started.release()
            await asyncio.sleep(3600)

    async def main():
        started = asyncio.Semaphore(0)
        tasks = [asyncio.create_task(ask(started)) for _ in range(50)]
        for _ in tasks:
            await started.acquire()
        tasks[0].cancel()
        record(100)

    asyncio.run(main())
    record(10)
    """
    _all_arrive(lives, BEGIN + dedent(script), 1 + 50 + 100 + 10)


FORK = """
import gc

def child():
    record({events})
    assert llmmon.stats().emitted == {events}, llmmon.stats()
    {end}

done = threading.Event()
emitted = []

def emit():
    while not done.wait(0.001):
        record(5)
        emitted.append(5)

thread = threading.Thread(target=emit)
thread.start()
before = len(os.listdir("/proc/self/fd"))
statuses = []
for _ in range({children}):
    pid = os.fork()
    if pid == 0:
        child()
    statuses.append(os.waitpid(pid, 0)[1])
done.set()
thread.join()
assert statuses == [0] * {children}, statuses
assert len(os.listdir("/proc/self/fd")) == before
assert llmmon.flush(timeout_s=20).pending == 0
print(sum(emitted))
"""


@pytest.mark.parametrize(
    "end", ["os._exit(llmmon.flush(timeout_s=10).pending)", "sys.exit(0)"], ids=["flush", "exit"]
)
def test_forks_while_another_thread_records(lives: Lifecycles, end: str) -> None:
    service = lives.service()
    script = BEGIN + FORK.format(children=8, events=200, end=end)
    ended = lives.run(service, script)
    assert ended.returncode == 0, ended.stderr
    events = 1 + 8 * 200 + int(ended.stdout)
    assert lives.stored(service) == (events, events)


CHILD = """
import threading, time
import llmmon

def work(events):
    rec = llmmon.recorder("chat", model="m")
    rec(0.0)
    assert llmmon.flush(timeout_s=10).pending == 0
    for n in range(events):
        rec(float(n))
    return events
"""


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_multiprocessing(lives: Lifecycles, method: str) -> None:
    service = lives.service()
    (lives.folder(service) / "child.py").write_text(CHILD)
    script = f"""
    import multiprocessing
    import child, llmmon

    if __name__ == "__main__":
        llmmon.init()
        child.work(10)
        context = multiprocessing.get_context("{method}")
        processes = [context.Process(target=child.work, args=(300,)) for _ in range(2)]
        for process in processes:
            process.start()
        for process in processes:
            process.join()
            assert process.exitcode == 0
    """
    ended = lives.run(service, dedent(script))
    assert ended.returncode == 0, ended.stderr
    assert lives.stored(service) == (11 + 602, 11 + 602)


def test_a_child_of_multiprocessing_whose_threads_outlive_its_work(lives: Lifecycles) -> None:
    script = """
    import multiprocessing

    def late():
        time.sleep(0.3)
        record(100)

    def work():
        threading.Thread(target=late).start()
        record(50)

    process = multiprocessing.get_context("fork").Process(target=work)
    process.start()
    process.join()
    sys.exit(process.exitcode)
    """
    _all_arrive(lives, BEGIN + dedent(script), 1 + 150)


@pytest.mark.parametrize("end", ["terminate", "close"])
def test_a_pool_of_processes(lives: Lifecycles, end: str) -> None:
    service = lives.service()
    (lives.folder(service) / "child.py").write_text(CHILD)
    script = f"""
    import multiprocessing
    import child

    if __name__ == "__main__":
        pool = multiprocessing.get_context("fork").Pool(2)
        print(sum(pool.map(child.work, [100] * 8, chunksize=1)))
        pool.{end}()
        pool.join()
    """
    ended = lives.run(service, dedent(script))
    assert (ended.returncode, ended.stdout) == (0, "800\n"), ended.stderr
    assert lives.stored(service) == (808, 808)


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_an_executor_of_processes(lives: Lifecycles, method: str) -> None:
    service = lives.service()
    (lives.folder(service) / "child.py").write_text(CHILD)
    script = f"""
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor
    import child

    if __name__ == "__main__":
        context = multiprocessing.get_context("{method}")
        with ProcessPoolExecutor(2, mp_context=context) as executor:
            print(sum(executor.map(child.work, [100] * 8)))
    """
    ended = lives.run(service, dedent(script))
    assert (ended.returncode, ended.stdout) == (0, "800\n"), ended.stderr
    assert lives.stored(service) == (808, 808)


def test_a_daemon_that_forks_twice(lives: Lifecycles) -> None:
    script = """
    record(100)
    read, write = os.pipe()
    if os.fork():
        # its end is that of the daemon: the last writer's
        os.close(write)
        assert os.read(read, 1) == b""
        sys.exit(0)
    os.setsid()
    if os.fork():
        os._exit(0)
    os.close(read)
    record(200)
    """
    service = lives.service()
    ended = lives.run(service, BEGIN + dedent(script))
    assert (ended.returncode, ended.stderr) == (0, "")
    assert lives.stored(service) == (301, 301)
