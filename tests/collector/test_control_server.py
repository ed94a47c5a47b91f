"""The control socket: every question gets exactly one answer, and a bad one a reason."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import zmq
import zmq.asyncio
from pydantic import validate_call

from llmmon.errors import ControlError
from llmmon.protocol import control
from llmmon_collector.clock import ManualClock
from llmmon_collector.control.server import ControlServer
from llmmon_collector.security.audit import AuditLog
from llmmon_collector.security.desk import Desk


class Rig:
    def __init__(self, tmp_path: Path) -> None:
        self.failures: list[tuple[str, Exception]] = []
        self.gate = asyncio.Event()
        endpoint = f"ipc://{tmp_path}/control.sock"
        self.context = zmq.asyncio.Context()
        methods = {
            "add": self.add,
            "big": self.big,
            "break": self.fail,
            "refuse": self.refuse,
            "wait": self.wait,
        }
        clock = ManualClock(0)
        self.server = ControlServer(
            self.context,
            endpoint,
            methods,
            lambda name, error: self.failures.append((name, error)),
            Desk(None, AuditLog(tmp_path / "audit.log", clock.wall_ns), clock.mono_ns),
        )
        self.server.start()
        self.socket = self.context.socket(zmq.DEALER)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.socket.connect(endpoint)

    @staticmethod
    @validate_call
    async def add(*, one: int, two: int = 1) -> int:
        return one + two

    async def wait(self) -> str:
        await self.gate.wait()
        return "done"

    async def refuse(self) -> None:
        raise ControlError("not_found", "no such trace")

    async def fail(self) -> None:
        raise ZeroDivisionError

    async def big(self) -> bytes:
        return bytes(control.MAX_REPLY + 1)

    async def send(self, request_id: int, method: str, **params: Any) -> None:
        request = control.Request(request_id, method, params)
        await self.socket.send(control.encode_request(request))

    async def reply(self) -> tuple[int, Any]:
        return control.decode_reply(await asyncio.wait_for(self.socket.recv(), 5))

    async def ask(self, method: str, **params: Any) -> Any:
        await self.send(1, method, **params)
        return (await self.reply())[1]


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    rig = Rig(tmp_path)
    yield rig
    rig.socket.close()
    await rig.server.stop()
    rig.context.destroy(linger=0)


async def test_a_question_is_answered(rig: Rig) -> None:
    assert await rig.ask("add", one=2, two=3) == 5


async def test_a_slow_question_does_not_hold_up_others(rig: Rig) -> None:
    await rig.send(1, "wait")
    await rig.send(2, "add", one=1)
    assert await rig.reply() == (2, 2)
    rig.gate.set()
    assert await rig.reply() == (1, "done")


@pytest.mark.parametrize("params", [{}, {"one": "x"}, {"one": 1, "three": 3}])
async def test_bad_parameters_are_named(rig: Rig, params) -> None:
    with pytest.raises(ControlError, match=r"bad_request: (one|three)"):
        await rig.ask("add", **params)


async def test_an_unknown_method_is_told_the_known_ones(rig: Rig) -> None:
    with pytest.raises(ControlError, match="unknown_method: 'sub' is not one of add, big, break"):
        await rig.ask("sub")


async def test_a_refusal_keeps_its_code(rig: Rig) -> None:
    with pytest.raises(ControlError, match="not_found: no such trace"):
        await rig.ask("refuse")


async def test_a_failure_is_reported_and_the_server_lives(rig: Rig) -> None:
    with pytest.raises(ControlError, match="failed: ZeroDivisionError"):
        await rig.ask("break")
    assert [name for name, _ in rig.failures] == ["break"]
    assert await rig.ask("add", one=1) == 2


async def test_garbage_is_refused(rig: Rig) -> None:
    await rig.socket.send(b"\xc1")
    with pytest.raises(ControlError, match="bad_request"):
        await rig.reply()


async def test_an_answer_over_the_bound_is_refused(rig: Rig) -> None:
    with pytest.raises(ControlError, match="too_big"):
        await rig.ask("big")
