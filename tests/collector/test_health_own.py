"""What the collector checks of itself."""

from __future__ import annotations

import random
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from pydantic import TypeAdapter, ValidationError

from llmmon.protocol.snapshot import HealthView
from llmmon_collector.clock import ManualClock, SystemClock
from llmmon_collector.health.checks.own import OWN_SPEC, OwnCheck, OwnFigures
from llmmon_collector.health.context import CheckContext
from llmmon_collector.health.model import CheckSpec
from llmmon_collector.health.runner import HealthRunner

SPECS: TypeAdapter[CheckSpec] = TypeAdapter(CheckSpec)


@dataclass
class World:
    """What the collector says of itself."""

    state_dir: Path
    lag_s: float | None = None
    took_s: float | None = 0.1
    waiting: int = 0
    overdue_s: float | None = None
    ahead_s: Sequence[float] = ()
    clock: ManualClock | SystemClock = field(default_factory=lambda: ManualClock(0))

    def check(self) -> OwnCheck:
        """Of this collector."""
        figures = OwnFigures(
            state_dir=str(self.state_dir),
            tick_s=1.0,
            fold_lag_s=lambda: self.lag_s,
            rules_took_s=lambda: self.took_s,
            outbox=lambda: (self.waiting, self.overdue_s),
            clocks_ahead_s=lambda: self.ahead_s,
        )
        return OwnCheck(figures, self.clock)

    async def run(self) -> HealthView:
        """The check's view after one run."""
        runner = HealthRunner([], CheckContext(clock=self.clock), random.Random(1))
        once = OWN_SPEC.model_copy(update={"failures": 1, "grace_s": 0.0})
        runner.register("collector", self.check().run, once)
        await runner.run_once()
        (view,) = runner.views()
        return view

    async def told(self) -> tuple[str, str]:
        """Status and message after one run."""
        view = await self.run()
        return view.status, view.message


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def measured(view: HealthView) -> dict[str, float]:
    return {one.name: one.value for one in view.measurements}


async def test_a_collector_that_is_well(world: World) -> None:
    view = await world.run()
    assert (view.name, view.status, view.message) == ("collector", "ok", "all is well")
    figures = measured(view)
    assert 0 < figures.pop("files_percent") < 80
    assert figures == {
        "store_lag_s": 0.0,
        "sync_ms": 0.0,
        "rules_share": 0.1,
        "waiting": 0.0,
        "overdue_s": 0.0,
    }
    assert not list(world.state_dir.iterdir())


async def test_a_disk_that_takes_writes_takes_time(world: World) -> None:
    world.clock = SystemClock()
    assert measured(await world.run())["sync_ms"] > 0


@pytest.mark.parametrize(
    ("lag_s", "told"),
    [
        (None, ("ok", "all is well")),
        (60, ("ok", "all is well")),
        (61, ("degraded", "the store is 61 s behind")),
        (601, ("failing", "the store is 601 s behind")),
    ],
)
async def test_events_that_the_store_lacks(
    world: World, lag_s: float | None, told: tuple[str, str]
) -> None:
    world.lag_s = lag_s
    assert await world.told() == told


async def test_rules_that_take_the_tick(world: World) -> None:
    world.took_s = None
    assert "rules_share" not in measured(await world.run())
    world.took_s = 0.5
    assert (await world.told())[0] == "ok"
    world.took_s = 0.6
    assert await world.told() == ("degraded", "rules take 60% of a tick")
    world.took_s = 1.1
    assert await world.told() == ("failing", "rules take 110% of a tick")


async def test_deliveries_that_are_overdue(world: World) -> None:
    world.waiting = 4
    assert (await world.told())[0] == "ok"
    world.overdue_s = 130.0
    view = await world.run()
    assert (view.status, view.message) == ("degraded", "a delivery is 130 s overdue")
    assert (measured(view)["waiting"], measured(view)["overdue_s"]) == (4.0, 130.0)
    world.overdue_s = 901.0
    assert (await world.told())[0] == "failing"


async def test_a_clock_that_most_agents_disagree_with(world: World) -> None:
    world.ahead_s = (0.1, -0.2, 300.0)
    assert (await world.told())[0] == "ok"
    world.ahead_s = (-9.0, -10.0, 0.0)
    assert await world.told() == ("degraded", "agents' clocks are 9 s off")


async def test_a_disk_that_takes_no_writes(world: World) -> None:
    world.state_dir = world.state_dir / "gone"
    view = await world.run()
    assert view.status == "failing"
    assert view.message == "the journal's disk takes no writes: No such file or directory"
    assert "sync_ms" not in measured(view)


async def test_a_disk_that_hangs_is_told_and_holds_one_thread(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    released, syncs = threading.Event(), []

    def hang(descriptor: int) -> None:
        syncs.append(descriptor)
        released.wait(60)

    monkeypatch.setattr("os.fsync", hang)
    world.clock = SystemClock()
    check = world.check()
    try:
        outcomes = [await check.run() for _ in range(2)]
    finally:
        released.set()
    assert [outcome.status for outcome in outcomes] == ["failing"] * 2
    assert outcomes[1].message.startswith("the journal's disk takes ")
    assert len(syncs) == 1


async def test_everything_that_is_wrong_is_told_at_once(world: World) -> None:
    world.lag_s, world.took_s = 700.0, 0.7
    assert await world.told() == (
        "failing",
        "the store is 700 s behind; rules take 70% of a tick",
    )


def test_no_configured_check_may_have_its_name() -> None:
    with pytest.raises(ValidationError, match="the collector's check of itself: choose another"):
        SPECS.validate_python({"name": "collector", "type": "memory"})
