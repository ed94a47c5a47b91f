"""The rooms wired together: what is wrong shows where it should, and nowhere else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import zmq
import zmq.asyncio

from llmmon.protocol.control import Request, decode_reply, encode_request
from llmmon.protocol.endpoint import parse_address
from llmmon.protocol.snapshot import decode_snapshot
from llmmon_collector.clock import SystemClock
from llmmon_collector.collector import Collector
from llmmon_collector.config.settings import CollectorSettings, Settings
from llmmon_collector.place import Place


async def _reload() -> dict[str, Any]:
    return {}


@pytest.fixture
async def collector(tmp_path: Path) -> AsyncIterator[Collector]:
    address = parse_address(f"ipc://{tmp_path}/run")
    place = Place(address, tmp_path / "state", "127.0.0.1:0", {})
    settings = Settings(collector=CollectorSettings(sync=False))
    collector = Collector(settings, place, SystemClock(), _reload)
    await collector.start()
    yield collector
    await collector.stop()


async def ask(tmp_path: Path, method: str, **params: Any) -> Any:
    context = zmq.asyncio.Context()
    with context.socket(zmq.DEALER) as socket:
        socket.setsockopt(zmq.LINGER, 0)
        socket.connect(parse_address(f"ipc://{tmp_path}/run").control)
        await socket.send(encode_request(Request(1, method, params)))
        told = decode_reply(await socket.recv())[1]
    context.term()
    return told


async def test_a_broken_configuration_on_disk_is_told_and_events_are_taken_all_the_same(
    collector: Collector, tmp_path: Path
) -> None:
    collector.config_problems = lambda: ("configuration not loaded: line 3",)
    told = await ask(tmp_path, "status")
    assert told["problems"] == ["configuration not loaded: line 3"]
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://{told['http']}/readyz") as answer,
    ):
        assert (answer.status, await answer.text()) == (200, "ok\n")


async def test_the_past_is_asked_of_a_running_collector(
    collector: Collector, tmp_path: Path
) -> None:
    at_ns = SystemClock().wall_ns() - 3600 * 10**9
    told = decode_snapshot(await ask(tmp_path, "snapshot", at_ns=at_ns, windows_s=[300]))
    assert (told.at_ns, told.seq, told.window(300).total["requests"]) == (at_ns, 0, None)
    assert told.problems[0] == "the store has no requests: of this time nothing is known"
    now = decode_snapshot(await ask(tmp_path, "snapshot"))
    assert (told.limits, told.name) == (now.limits, now.name)
