"""The health runner: schedules, bounds and views, with real loops and threads."""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from llmmon.errors import ConfigError
from llmmon.protocol.names import FAMILIES
from llmmon.protocol.snapshot import HealthView
from llmmon_collector.clock import ManualClock, SystemClock
from llmmon_collector.health.context import CheckContext
from llmmon_collector.health.model import (
    CheckSpec,
    DiskCheck,
    InternalCheck,
    MemoryCheck,
    with_defaults,
)
from llmmon_collector.health.runner import HealthRunner

START_NS = 1_700_000_000_000_000_000


def make_runner(*specs: CheckSpec, clock: ManualClock | None = None) -> HealthRunner:
    context = CheckContext(clock=clock or ManualClock(START_NS))
    return HealthRunner(specs, context, random.Random(7))


def by_name(runner: HealthRunner) -> dict[str, HealthView]:
    return {view.name: view for view in runner.views()}


def quick(**settings: Any) -> InternalCheck:
    return InternalCheck(**{"name": "x", "failures": 1, "successes": 1, "grace": 0.0, **settings})


async def test_health_checks_registered_by_name() -> None:
    runner = make_runner()
    runner.register("database", lambda: True)
    runner.register("queue", lambda: (False, "42 waiting"), quick())
    runner.register("disk", lambda: {"ok": True, "value": 12, "unit": "%", "message": "fine"})
    assert by_name(runner)["queue"].status == "unknown"

    await runner.run_once()

    views = by_name(runner)
    assert list(views) == ["database", "disk", "queue"]
    assert views["database"].status == "ok"
    assert (views["queue"].status, views["queue"].message) == ("failing", "42 waiting")
    assert (views["disk"].value, views["disk"].unit) == (12.0, "%")
    assert views["disk"].type == "internal"
    assert views["disk"].checked_ns == START_NS
    with pytest.raises(ValueError, match="named 'queue' already"):
        runner.register("queue", lambda: True)


async def test_one_check_raising_does_not_stop_the_others() -> None:
    runner = make_runner()

    def broken() -> bool:
        raise RuntimeError("login with password=hunter2-hunter2 failed")

    async def also_broken() -> bool:
        raise KeyError("sk-abcdefghijklmnop")

    def leaves() -> bool:
        raise SystemExit(3)

    runner.register("broken", broken, quick())
    runner.register("also_broken", also_broken, quick())
    runner.register("leaves", leaves, quick())
    runner.register("odd", lambda: 17, quick())
    runner.register("fine", lambda: True, quick())
    await runner.run_once()

    views = by_name(runner)
    assert views["fine"].status == "ok"
    assert views["broken"].status == "failing"
    assert views["broken"].message == "RuntimeError: login with password=*** failed"
    assert views["also_broken"].message == "KeyError: '***'"
    assert views["leaves"].message == "RuntimeError: SystemExit: 3"
    assert "returned int" in views["odd"].message


@pytest.fixture
async def gate() -> AsyncIterator[threading.Event]:
    """Holds blocking checks until it is set; set at the end whatever happens."""
    event = threading.Event()
    yield event
    event.set()


async def test_blocking_checks_time_out_and_stall_nobody(gate: threading.Event) -> None:
    runner = make_runner()
    runs: list[int] = []

    def hang() -> bool:
        runs.append(1)
        return gate.wait(60)

    for number in range(20):
        runner.register(f"hang{number}", hang, quick(timeout=0.05, interval=10.0))
    runner.register("fine", lambda: True, quick())
    await runner.run_once()
    assert by_name(runner)["fine"].status == "ok"
    assert by_name(runner)["hang3"].message == "no answer within 0.05 s"

    await runner.run_once()
    assert by_name(runner)["hang3"].message == "the run before has still not ended"
    assert len(runs) <= 20

    gate.set()
    async with asyncio.timeout(20):
        while any(view.status != "ok" for view in runner.views()):
            await runner.run_once()


async def test_a_coroutine_that_ignores_its_cancelling_is_left_behind() -> None:
    runner = make_runner()
    released = asyncio.Event()

    async def stubborn() -> bool:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await released.wait()
        return True

    runner.register("stubborn", stubborn, quick(timeout=0.05))
    await runner.run_once()
    assert by_name(runner)["stubborn"].message == "no answer within 0.05 s"
    await runner.run_once()
    assert by_name(runner)["stubborn"].message == "the run before has still not ended"
    released.set()


async def test_at_most_eight_run_at_a_time() -> None:
    runner = make_runner()
    running, most = 0, 0
    full = asyncio.Event()

    async def count() -> bool:
        nonlocal running, most
        running += 1
        most = max(most, running)
        if running == 8:
            full.set()
        await full.wait()
        running -= 1
        return True

    for number in range(24):
        runner.register(f"count{number}", count)
    await runner.run_once()
    assert most == 8


async def test_failures_in_the_grace_are_told_as_a_start() -> None:
    clock = ManualClock(START_NS)
    runner = make_runner(clock=clock)
    runner.register("db", lambda: (False, "refused"), quick(failures=2, grace=60.0))
    told = []
    for _ in range(4):
        await runner.run_once()
        told.append((by_name(runner)["db"].status, by_name(runner)["db"].message))
        clock.advance(25)
    assert told == [
        ("degraded", "1 of 2 failures: refused"),
        ("degraded", "starting: refused"),
        ("degraded", "starting: refused"),
        ("failing", "refused"),
    ]


async def test_old_results_become_unknown() -> None:
    clock = ManualClock(START_NS)
    runner = make_runner(clock=clock)
    runner.register("lag", lambda: {"ok": True, "value": 3}, quick(interval=10.0))
    await runner.run_once()
    clock.advance(30)
    assert by_name(runner)["lag"].status == "ok"
    clock.advance(1)
    view = by_name(runner)["lag"]
    assert (view.status, view.value, view.message) == ("unknown", None, "no result for 31 s")
    assert runner.overall() == "degraded"


async def test_overall_is_the_worst_critical_check() -> None:
    runner = make_runner()
    answers = {"optional": True, "vital": True}
    runner.register("optional", lambda: answers["optional"], quick())
    runner.register("vital", lambda: answers["vital"], quick(critical=True))
    assert runner.overall() == "degraded"
    await runner.run_once()
    assert runner.overall() == "ok"
    answers["optional"] = False
    await runner.run_once()
    assert runner.overall() == "degraded"
    answers["vital"] = False
    await runner.run_once()
    assert runner.overall() == "failing"


def rows(runner: HealthRunner) -> dict[str, dict[str, float | int | None]]:
    table = runner.table()
    return {labels["check"]: table.row(index) for index, labels in enumerate(table.labels)}


async def test_results_are_metrics_for_rules() -> None:
    clock = ManualClock(START_NS)
    runner = make_runner(DiskCheck(name="disk", type="disk", grace=0.0, failures=1), clock=clock)
    measured = {"status": "degraded", "value": 3, "measurements": {"depth": 12}}
    runner.register("queue", lambda: measured, quick(interval=10.0))
    runner.register("vital", lambda: False, quick(critical=True, interval=10.0))
    assert {value for row in rows(runner).values() for value in row.values()} == {None}

    await runner.run_once()
    told = rows(runner)
    assert set(told["queue"]) == set(FAMILIES["checks"])
    assert (told["queue"]["check_degraded"], told["queue"]["check_failing"]) == (1.0, 0.0)
    assert (told["queue"]["check_value"], told["queue"]["check_critical"]) == (3.0, 0.0)
    assert (told["vital"]["check_failing"], told["vital"]["check_critical"]) == (1.0, 1.0)
    assert told["vital"]["check_value"] is None
    assert told["disk"]["check_degraded"] == 0.0
    assert runner.table().labels[0] == {"check": "disk", "type": "disk"}
    assert runner.measure("queue", "") == 3.0
    assert runner.measure("queue", "depth") == 12.0
    assert runner.measure("queue", "width") is None
    assert runner.measure("vital", "") is None
    assert runner.measure("nobody", "") is None

    clock.advance(31)
    assert set(rows(runner)["vital"].values()) == {None}
    assert runner.measure("queue", "") is None
    assert runner.measure("queue", "depth") is None


async def test_flapping_and_slow_checks_are_told() -> None:
    clock = ManualClock(START_NS)
    runner = make_runner(clock=clock)
    answers = iter([True, False, True, False, True])

    async def to_and_fro() -> bool:
        return next(answers, True)

    async def slow() -> bool:
        clock.advance(3)
        return True

    runner.register("to_and_fro", to_and_fro, quick(failures=3))
    for _ in range(5):
        await runner.run_once()
    assert by_name(runner)["to_and_fro"].flapping
    assert rows(runner)["to_and_fro"]["check_flapping"] == 1.0
    assert by_name(runner)["to_and_fro"].status == "ok"
    runner.register("slow", slow, quick(timeout=5.0))
    for _ in range(3):
        await runner.run_once()
    assert by_name(runner)["slow"].slow
    assert not by_name(runner)["slow"].flapping


async def test_checks_that_hang_wait_for_each_other_only(gate: threading.Event) -> None:
    runner = HealthRunner([], CheckContext(ManualClock(START_NS)), random.Random(7), 2)
    order: list[str] = []

    def hang(name: str) -> Callable[[], Any]:
        async def check() -> bool:
            order.append(name)
            return await asyncio.Event().wait()

        return check

    async def fine() -> bool:
        order.append("fine")
        return True

    for number in range(6):
        runner.register(f"hang{number}", hang(f"hang{number}"), quick(timeout=0.05))
    await runner.run_once()
    order.clear()
    runner.register("fine", fine, quick())
    await runner.run_once()
    assert order.index("fine") <= 2, "it had a free lane while six others hung, two at a time"


async def test_errors_that_cannot_be_told_and_odd_mappings() -> None:
    runner = make_runner()

    class Sly(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no words")

    def sly() -> bool:
        raise Sly

    runner.register("sly", sly, quick())
    runner.register("nan", lambda: {"ok": True, "value": float("nan")}, quick())
    runner.register("names", lambda: {"ok": True, "measurements": {"a b": 1}}, quick())
    runner.register(
        "many", lambda: {"ok": True, "measurements": {f"m{n}": 1 for n in range(33)}}, quick()
    )
    runner.register("ink", lambda: (False, "a\x1b[2Jb\u202e" + "c" * 999), quick())
    await runner.run_once()
    views = by_name(runner)
    assert views["sly"].message == "Sly"
    assert views["nan"].value is None
    assert "letters, digits" in views["names"].message
    assert "at most 32" in views["many"].message
    assert views["ink"].message.startswith("a [2Jb c")
    assert len(views["ink"].message) == 200


async def test_replace_keeps_the_state_of_equal_checks() -> None:
    memory = MemoryCheck(name="memory", type="memory")
    disk = DiskCheck(name="disk", type="disk", path="/")
    runner = make_runner(memory, disk)
    runner.register("own", lambda: True)
    await runner.run_once()

    gone = DiskCheck(name="gone", type="disk")
    runner.replace([memory, DiskCheck(name="disk", type="disk", path="/", interval=7.0), gone])
    views = by_name(runner)
    assert views["memory"].checked_ns == START_NS
    assert views["own"].checked_ns == START_NS
    assert views["disk"].checked_ns is None
    assert "gone" in views

    runner.replace([memory])
    assert set(by_name(runner)) == {"memory", "own"}


async def test_a_refused_replace_changes_nothing() -> None:
    memory = MemoryCheck(name="memory", type="memory")
    runner = make_runner(memory)
    runner.register("own", lambda: True)
    for bad in ([MemoryCheck(name="own", type="memory")], [memory, memory]):
        with pytest.raises(ConfigError, match="name is taken"):
            runner.replace(bad)
    assert set(by_name(runner)) == {"memory", "own"}


async def test_schedules_run_stop_and_take_new_checks() -> None:
    runner = HealthRunner([], CheckContext(clock=SystemClock()), random.Random(3))
    ticks: dict[str, int] = {"early": 0, "late": 0}
    enough = asyncio.Event()

    def ticker(name: str) -> Callable[[], Any]:
        async def tick() -> bool:
            ticks[name] += 1
            if min(ticks.values()) >= 3:
                enough.set()
            return True

        return tick

    runner.register("early", ticker("early"), quick(interval=0.02, timeout=0.02))
    runner.start()
    runner.register("late", ticker("late"), quick(interval=0.02, timeout=0.02))
    async with asyncio.timeout(20):
        await enough.wait()
    await runner.stop()
    assert not [task for task in asyncio.all_tasks() if task.get_name().startswith("health")]


def test_default_checks_fill_free_names() -> None:
    own = DiskCheck(name="disk", type="disk", path="/srv")
    specs = with_defaults((own,), "/var/lib/llmmon")
    assert {spec.name: spec.type for spec in specs} == {
        "memory": "memory",
        "cpu": "cpu",
        "agents": "agents",
        "disk": "disk",
    }
    assert own in specs
