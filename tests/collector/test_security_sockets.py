"""The three sockets with keys: who gets in, what they may do, and what ends with a key."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import zmq
import zmq.asyncio
from support.frames import batch_frames, plain_frames
from support.keys import Keys, free_tcp, new_pair, use_keys

from llmmon.errors import ControlError
from llmmon.protocol import codec, control, wire
from llmmon.protocol.curve import CurveKeys
from llmmon.protocol.wire import Batch, Message
from llmmon_collector.clock import SystemClock
from llmmon_collector.intake.deadletter import DeadLetters
from llmmon_collector.intake.ledger import Ledger
from llmmon_collector.intake.session import Session
from llmmon_collector.security.guard import Guard
from llmmon_collector.security.live import LiveKeys
from llmmon_collector.security.zap import ZapHandler
from llmmon_collector.sockets import Handover, Sockets

ROW = {"start_ns": 1}
LIMIT_S = 10.0
SILENCE_MS = 400
"""How long a peer that is shut out is waited for: a handshake takes a few milliseconds."""


class Disk:
    def append(self, bodies: Sequence[bytes]) -> None:
        pass


class Rig:
    def __init__(self, directory: Path, keys: Keys) -> None:
        self.keys = keys
        self.directory = directory
        self.address = free_tcp()
        self._taken: list[Batch] = []
        self.done: list[str] = []
        clock = SystemClock()
        self.guard = Guard(LiveKeys(keys.directory, keys.pair), directory, clock)
        dead = DeadLetters(directory / "dead.seg")
        self._handover = Handover(self._taken.extend)
        self.session = Session(Ledger(), Disk(), dead, clock, self._handover.put)
        self.sockets = Sockets(
            self.address,
            self.session,
            {name: self._does(name) for name in ("status", "acknowledge", "reload")},
            lambda part, error: self.done.append(f"{part} failed: {error!r}"),
            self.guard,
        )
        self.context = zmq.asyncio.Context()
        self.peers: list[zmq.asyncio.Socket] = []
        self.sockets.start()

    @property
    def taken(self) -> list[Batch]:
        """What has been acknowledged."""
        self._handover.deliver()
        return self._taken

    def _does(self, name: str) -> Any:
        async def method(**params: Any) -> str:
            self.done.append(name)
            return f"{name} done"

        return method

    def peer(self, kind: int, endpoint: str, keys: CurveKeys | None) -> zmq.asyncio.Socket:
        socket = self.context.socket(kind)
        socket.setsockopt(zmq.LINGER, 0)
        socket.setsockopt(zmq.RECONNECT_IVL, 20)
        self.peers.append(socket)
        use_keys(socket, keys)
        if kind == zmq.SUB:
            socket.subscribe(b"")
        socket.connect(endpoint)
        return socket

    def agent(self, keys: CurveKeys | None) -> zmq.asyncio.Socket:
        return self.peer(zmq.DEALER, self.address.ingest, keys)

    def tool(self, keys: CurveKeys | None) -> zmq.asyncio.Socket:
        return self.peer(zmq.DEALER, self.address.control, keys)

    def viewer(self, keys: CurveKeys | None) -> zmq.asyncio.Socket:
        return self.peer(zmq.SUB, self.address.snapshots, keys)

    async def until(self, condition: Any) -> None:
        async with asyncio.timeout(LIMIT_S):
            while not condition():
                await asyncio.sleep(0.01)

    async def publish_until(self, viewer: zmq.asyncio.Socket) -> None:
        """Publish until ``viewer`` has something."""
        async with asyncio.timeout(LIMIT_S):
            while not await viewer.poll(20):
                await self.sockets.publisher.publish("snapshot.model", b"picture")
        while await viewer.poll(0):
            await viewer.recv_multipart()

    async def close(self) -> None:
        for peer in self.peers:
            peer.close(0)
        self.context.destroy(linger=0)
        await self.sockets.stop_intake()
        await self.sockets.stop()

    def audit(self) -> list[dict[str, Any]]:
        text = (self.directory / "audit.log").read_text()
        return [json.loads(line) for line in text.splitlines()]


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    return Keys(tmp_path / "keys")


@pytest.fixture
async def rig(tmp_path: Path, keys: Keys) -> AsyncIterator[Rig]:
    rig = Rig(tmp_path, keys)
    yield rig
    await rig.close()
    assert not [done for done in rig.done if "failed" in done]


async def answer(socket: zmq.asyncio.Socket) -> wire.Envelope:
    return wire.decode_message(await asyncio.wait_for(socket.recv_multipart(), LIMIT_S))


async def ask(socket: zmq.asyncio.Socket, method: str, **params: Any) -> Any:
    await socket.send(control.encode_request(control.Request(1, method, params)))
    return control.decode_reply(await asyncio.wait_for(socket.recv(), LIMIT_S))[1]


async def accepts(socket: zmq.asyncio.Socket, seq: int = 1, **header: Any) -> bool:
    """Whether a batch is acknowledged."""
    await socket.send_multipart(batch_frames(seq, [ROW], first_event=seq - 1, base_seq=1, **header))
    if not await socket.poll(SILENCE_MS):
        return False
    return (await answer(socket)).message is Message.ACK


def an_outsider(keys: Keys) -> CurveKeys:
    return CurveKeys(keys.pair.public_key, *new_pair())


async def test_each_role_does_its_own(rig: Rig, keys: Keys) -> None:
    shop, anna = keys.new("shop", "agent"), keys.new("anna", "operator")
    await rig.until(lambda: len(rig.guard.view()["keys"]) == 2)
    assert await accepts(rig.agent(shop))
    await rig.publish_until(rig.viewer(anna))
    assert await ask(rig.tool(anna), "status") == "status done"
    assert rig.guard.problems() == ()


@pytest.mark.parametrize("who", ["no key", "unknown key", "wrong server key", "viewer's key"])
async def test_no_batch_is_taken_from_anybody_else(rig: Rig, keys: Keys, who: str) -> None:
    shop, bob = keys.new("shop", "agent"), keys.new("bob", "viewer")
    await rig.until(lambda: len(rig.guard.view()["keys"]) == 2)
    outsiders = {
        "no key": None,
        "unknown key": an_outsider(keys),
        "wrong server key": shop._replace(server_key=new_pair()[0]),
        "viewer's key": bob,
    }
    assert not await accepts(rig.agent(outsiders[who]))
    # a good one is, meanwhile: the collector is not just deaf
    assert await accepts(rig.agent(shop))
    assert len(rig.taken) == 1


@pytest.mark.parametrize("who", ["no key", "unknown key", "agent's key"])
async def test_nobody_else_sees_or_asks_anything(rig: Rig, keys: Keys, who: str) -> None:
    shop, bob = keys.new("shop", "agent"), keys.new("bob", "viewer")
    await rig.until(lambda: len(rig.guard.view()["keys"]) == 2)
    outsider = {"no key": None, "unknown key": an_outsider(keys), "agent's key": shop}[who]
    out, into = rig.viewer(outsider), rig.viewer(bob)
    tool = rig.tool(outsider)
    await tool.send(control.encode_request(control.Request(1, "status", {})))
    await rig.publish_until(into)
    assert not await out.poll(SILENCE_MS)
    assert not await tool.poll(0)
    assert rig.done == []


async def test_refused_handshakes_are_told_and_counted_by_reason(rig: Rig, keys: Keys) -> None:
    shop = keys.new("shop", "agent")
    await rig.until(lambda: rig.guard.view()["keys"])
    rig.agent(an_outsider(keys))
    rig.tool(shop)
    await rig.until(lambda: len(rig.guard.view()["refused"]["handshake"]) == 2)
    told = "; ".join(rig.guard.problems())
    assert "unknown key" in told
    assert "a key of another role at control, 1 so far, last from shop" in told


async def test_a_revoked_agent_is_refused_while_connected_and_told_why(
    rig: Rig, keys: Keys
) -> None:
    shop = keys.new("shop", "agent")
    await rig.until(lambda: rig.guard.view()["keys"])
    agent = rig.agent(shop)
    assert await accepts(agent, 1)
    keys.store.revoke("shop")
    await rig.until(lambda: not rig.guard.view()["keys"])
    await agent.send_multipart(batch_frames(2, [ROW], first_event=1, base_seq=1))
    refusal = await answer(agent)
    assert refusal.message is Message.NACK
    told = codec.decode_map(refusal.payload)
    assert (told["reason"], told["detail"]) == ("forbidden", "revoked key")
    assert len(rig.taken) == 1
    assert rig.guard.rejected == 1
    [problem] = [told for told in rig.guard.problems() if "revoked" in told]
    assert f"last from shop ({shop.public_key[:8]}...)" in problem
    # and is welcome again once it is allowed
    keys.store.grant("shop", ("agent", (shop.public_key,)))
    await rig.until(lambda: rig.guard.view()["keys"])
    assert await accepts(agent, 2)


async def test_a_revoked_viewer_is_cut_off_and_the_others_come_back(rig: Rig, keys: Keys) -> None:
    bob, eve = keys.new("bob", "viewer"), keys.new("eve", "viewer")
    await rig.until(lambda: len(rig.guard.view()["keys"]) == 2)
    good, bad = rig.viewer(bob), rig.viewer(eve)
    await rig.publish_until(good)
    await rig.publish_until(bad)
    parted = bad.get_monitor_socket(zmq.EVENT_DISCONNECTED)
    keys.store.revoke("eve")
    assert await asyncio.wait_for(parted.poll(), LIMIT_S)
    while await bad.poll(0):
        await bad.recv_multipart()
    await rig.publish_until(good)
    assert not await bad.poll(SILENCE_MS)
    bad.disable_monitor()
    parted.close(0)


async def test_a_revoked_operator_is_answered_no_more(rig: Rig, keys: Keys) -> None:
    anna = keys.new("anna", "operator")
    await rig.until(lambda: rig.guard.view()["keys"])
    tool = rig.tool(anna)
    assert await ask(tool, "reload") == "reload done"
    keys.store.revoke("anna")
    await rig.until(lambda: not rig.guard.view()["keys"])
    with pytest.raises(ControlError, match="forbidden: revoked key"):
        await ask(tool, "reload")
    assert rig.done == ["reload"]


async def test_a_viewer_may_not_change_anything_and_an_operator_may_and_both_are_audited(
    rig: Rig, keys: Keys
) -> None:
    bob, anna = keys.new("bob", "viewer"), keys.new("anna", "operator")
    await rig.until(lambda: len(rig.guard.view()["keys"]) == 2)
    viewer, operator = rig.tool(bob), rig.tool(anna)
    assert await ask(viewer, "status") == "status done"
    for _ in range(3):
        with pytest.raises(ControlError, match="forbidden: the key 'bob' is a viewer's"):
            await ask(viewer, "acknowledge", alert_id="a1", by="anna")
    assert await ask(operator, "acknowledge", alert_id="a1", note="mine") == "acknowledge done"
    assert rig.done == ["status", "acknowledge"]
    changes = [line for line in rig.audit() if not line["method"].startswith("key ")]
    assert [(line["by"], line["method"], line["outcome"][:9]) for line in changes] == [
        ("bob", "acknowledge", "forbidden"),
        ("anna", "acknowledge", "ok"),
    ]
    assert changes[1]["params"] == {"alert_id": "a1", "note": "mine"}


async def test_a_changed_role_holds_at_once(rig: Rig, keys: Keys) -> None:
    anna = keys.new("anna", "operator")
    await rig.until(lambda: rig.guard.view()["keys"])
    tool = rig.tool(anna)
    assert await ask(tool, "reload") == "reload done"
    keys.store.grant("anna", ("viewer", (anna.public_key,)))
    await rig.until(lambda: rig.guard.view()["keys"][0]["role"] == "viewer")
    with pytest.raises(ControlError, match="forbidden"):
        await ask(tool, "reload")


async def test_another_keys_agent_cannot_be_written_for(rig: Rig, keys: Keys) -> None:
    shop, mall = keys.new("shop", "agent"), keys.new("mall", "agent")
    await rig.until(lambda: len(rig.guard.view()["keys"]) == 2)
    assert await accepts(rig.agent(shop), 1)
    thief = rig.agent(mall)
    assert not await accepts(thief, 2)
    assert await accepts(thief, 1, agent=b"agent-number-two")
    for message in (Message.HELLO, Message.BYE, Message.HEARTBEAT):
        await thief.send_multipart(plain_frames(message))
        assert (await answer(thief)).message is Message.NACK
    assert rig.guard.rejected == 4
    [problem] = rig.guard.problems()
    assert "an agent id that belongs to another key, 4 so far, last from mall" in problem


async def test_an_agent_goes_on_under_the_second_key_of_its_name(rig: Rig, keys: Keys) -> None:
    old, new = keys.new("shop", "agent"), keys.new("shop-2", "agent", allowed=False)
    keys.store.grant("shop", ("agent", (old.public_key, new.public_key)))
    await rig.until(lambda: rig.guard.view()["keys"])
    assert await accepts(rig.agent(old), 1)
    assert await accepts(rig.agent(new), 2)


async def test_a_message_without_a_header_goes_on_to_intake_and_is_counted_there(
    rig: Rig, keys: Keys
) -> None:
    shop = keys.new("shop", "agent")
    await rig.until(lambda: rig.guard.view()["keys"])
    agent = rig.agent(shop)
    await agent.send(b"garbage")
    await rig.until(lambda: rig.session.rejected == 1)
    assert await accepts(agent)


async def test_with_a_dead_handler_nothing_is_accepted_and_it_is_told(rig: Rig, keys: Keys) -> None:
    shop, anna = keys.new("shop", "agent"), keys.new("anna", "operator")
    await rig.until(lambda: len(rig.guard.view()["keys"]) == 2)
    inside, tool, viewer = rig.agent(shop), rig.tool(anna), rig.viewer(anna)
    assert await accepts(inside, 1)
    await rig.publish_until(viewer)
    parted = viewer.get_monitor_socket(zmq.EVENT_DISCONNECTED)
    assert await ask(tool, "reload") == "reload done"
    assert not rig.guard.broken
    rig.guard.stop()
    assert rig.guard.broken
    assert not await accepts(inside, 2)
    assert not await accepts(rig.agent(shop), 1, agent=b"agent-number-two")
    with pytest.raises(ControlError, match="forbidden: keys are not being checked"):
        await ask(tool, "reload")
    assert await asyncio.wait_for(parted.poll(), LIMIT_S)
    assert len(rig.taken) == 1
    assert "keys are not being checked: nothing is accepted" in rig.guard.problems()[0]
    viewer.disable_monitor()
    parted.close(0)


async def test_secrets_are_in_no_view_problem_or_audit_line(rig: Rig, keys: Keys) -> None:
    keys.new("shop", "agent")
    (keys.directory / "allowed" / "bad.toml").write_text(f"x = '{keys.pair.secret_key}")
    (keys.directory / "server.key").chmod(0o644)
    await rig.until(lambda: len(rig.guard.problems()) >= 2)
    told = json.dumps([rig.guard.view(), rig.guard.problems(), rig.audit()])
    assert "chmod 600" in told
    assert "bad.toml" in told
    (keys.directory / "server.key").chmod(0o600)
    assert not [secret for secret in keys.secrets() if secret in told]


async def test_keys_that_come_and_go_are_audited(rig: Rig, keys: Keys) -> None:
    shop = keys.new("shop", "agent")
    await rig.until(lambda: rig.guard.view()["keys"])
    keys.store.revoke("shop")
    await rig.until(lambda: not rig.guard.view()["keys"])
    assert [(line["method"], line["params"]) for line in rig.audit()] == [
        (did, {"name": "shop", "role": "agent", "public_key": shop.public_key})
        for did in ("key allowed", "key revoked")
    ]


def test_a_handler_whose_question_cannot_be_answered_ends_and_is_seen_to() -> None:
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()

    def broken(socket: str, key: str) -> bool:
        raise ZeroDivisionError("nobody knows")

    handler = ZapHandler([context], broken)
    handler.start()
    assert handler.alive
    with context.socket(zmq.REQ) as libzmq:
        libzmq.linger = 0
        libzmq.connect("inproc://zeromq.zap.01")
        libzmq.send_multipart([b"1.0", b"1", b"ingest", b"", b"", b"CURVE", bytes(32)])
        for _ in range(100):
            if not handler.alive:
                break
            libzmq.poll(50)
    assert not handler.alive
    assert handler.failure == "ZeroDivisionError: nobody knows"
    handler.stop()
    context.destroy(linger=0)


@pytest.mark.parametrize(
    ("mechanism", "credentials"),
    [(b"NULL", []), (b"PLAIN", [b"user", b"password"]), (b"CURVE", [b"short"])],
)
def test_what_is_no_curve_key_is_not_admitted(mechanism: bytes, credentials: list[bytes]) -> None:
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    handler = ZapHandler([context], lambda socket, key: True)
    handler.start()
    with context.socket(zmq.REQ) as libzmq:
        libzmq.linger = 0
        libzmq.connect("inproc://zeromq.zap.01")
        libzmq.send_multipart([b"1.0", b"1", b"ingest", b"", b"", mechanism, *credentials])
        assert libzmq.recv_multipart()[2] == b"400"
    handler.stop()
    context.destroy(linger=0)
