"""The methods for viewers that add up: what they tell, once a tick, and what they refuse."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError, validate_call
from support.live import NOW_NS, SECOND, WINDOWS_S, new_live, request_batch, row
from support.snapshots import busy_snapshot

from llmmon.errors import ControlError
from llmmon.protocol.merging import requests_of
from llmmon.protocol.parts import decode_history, decode_parts
from llmmon_collector.control.parts import PartsMethods
from llmmon_collector.live import Open


class Rig:
    """The methods over live numbers; ticks come when a test says."""

    def __init__(self) -> None:
        self.live = new_live()
        self.seq = 1
        table = PartsMethods(
            self.live, lambda by: busy_snapshot(seq=self.seq, by=by), self.refresh
        ).table()
        self._methods = {name: validate_call(method) for name, method in table.items()}

    def refresh(self) -> int:
        self.live.advance(NOW_NS, Open(0, 0))
        return NOW_NS

    def send(self, **dimensions: str) -> None:
        self.live.add([request_batch([row()], **dimensions)], NOW_NS)

    def tick(self) -> None:
        self.refresh()
        self.seq += 1

    async def ask(self, method: str, **params: Any) -> bytes:
        answer: bytes = await self._methods[method](**params)
        return answer


@pytest.fixture
def rig() -> Rig:
    rig = Rig()
    rig.refresh()
    rig.send(model="m", route="/a")
    rig.send(model="n", route="/b")
    rig.tick()
    return rig


async def test_parts_go_with_the_snapshot_of_the_tick(rig: Rig) -> None:
    parts = decode_parts(await rig.ask("parts", window_s=60, by="route"))
    assert (parts.head.seq, parts.head.by, parts.head.window_s) == (2, "route", 60)
    assert tuple(parts.wholes()) == WINDOWS_S
    assert [labels for labels, _ in parts.groups()] == [{"route": "/a"}, {"route": "/b"}]


async def test_what_comes_within_a_tick_is_told_at_the_next(rig: Rig) -> None:
    before = await rig.ask("parts")
    rig.send(model="m")
    rig.refresh()
    assert await rig.ask("parts") == before
    rig.tick()
    assert requests_of(decode_parts(await rig.ask("parts")).wholes()[300][0]) == 3


async def test_the_parts_of_a_history_are_as_of_now_and_of_some_series(rig: Rig) -> None:
    rig.send(model="m", route="/a")
    told = decode_history(await rig.ask("history_parts", window_s=300, points=10))
    assert told.step_ns == 30 * SECOND
    assert sum(map(requests_of, told.rows)) == 3
    told = decode_history(await rig.ask("history_parts", where={"model": "n"}))
    assert sum(map(requests_of, told.rows)) == 1
    told = decode_history(await rig.ask("history_parts", end_ns=NOW_NS - 600 * SECOND))
    assert sum(map(requests_of, told.rows)) == 0


@pytest.mark.parametrize(
    ("method", "params", "reason"),
    [
        ("parts", {"by": "colour"}, "by: 'colour' is not one of"),
        ("parts", {"window_s": 61}, "window_s: 61 is not one of 60, 300"),
        ("history_parts", {"window_s": 61}, "window_s: 61 is not one of 60, 300"),
        ("history_parts", {"where": {"colour": "red"}}, "where: 'colour' is not one of"),
    ],
)
async def test_what_is_not_kept_is_refused(
    rig: Rig, method: str, params: dict[str, Any], reason: str
) -> None:
    with pytest.raises(ControlError, match=reason):
        await rig.ask(method, **params)


@pytest.mark.parametrize(
    "params", [{"points": 0}, {"points": 2001}, {"where": {"model": "x" * 257}}, {"end_ns": -1}]
)
async def test_unsound_parameters_are_refused(rig: Rig, params: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        await rig.ask("history_parts", **params)
