import asyncio

import pytest
import zmq.asyncio
from support.viewer_peer import Refusal, ViewerPeer

from llmmon.errors import ControlError, UnreachableError
from llmmon.protocol.endpoint import parse_address
from llmmon_tui.control import ControlClient


@pytest.fixture
def peer(tmp_path):
    with ViewerPeer(f"ipc://{tmp_path}") as peer:
        yield peer


@pytest.fixture
async def client(peer):
    context = zmq.asyncio.Context()
    client = ControlClient(context, peer.address)
    yield client
    await client.close()
    context.destroy(linger=0)


async def test_answers_find_their_questions(peer, client):
    peer.answers["status"] = lambda params: params["n"]
    assert await asyncio.gather(*(client.call("status", n=n) for n in range(20))) == [*range(20)]


async def test_a_refusal_fails_its_own_question_only(peer, client):
    def refuse(params):
        raise Refusal("not_found", "no such alert")

    peer.answers |= {"acknowledge": refuse, "status": lambda params: "fine"}
    refused, fine = await asyncio.gather(
        client.call("acknowledge", alert_id="x"), client.call("status"), return_exceptions=True
    )
    assert isinstance(refused, ControlError)
    assert refused.code == "not_found"
    assert fine == "fine"


async def test_a_question_without_answer_ends_and_the_next_one_works(peer, client):
    peer.hold.add("trace")
    peer.answers["status"] = lambda params: "fine"
    with pytest.raises(UnreachableError, match="no collector answers"):
        await client.call("trace", 0.05)
    assert await client.call("status") == "fine"


async def test_a_withdrawn_question_is_not_acted_on_later(tmp_path):
    context = zmq.asyncio.Context()
    client = ControlClient(context, parse_address(f"ipc://{tmp_path}"))
    with pytest.raises(UnreachableError):
        await client.call("acknowledge", 0.05, alert_id="x")
    with ViewerPeer(f"ipc://{tmp_path}") as peer:
        peer.answers["status"] = lambda params: "fine"
        assert await client.call("status", 5.0) == "fine"
        assert peer.asked("acknowledge") == []
    await client.close()
    context.destroy(linger=0)


async def test_closing_fails_what_waits(peer, client):
    peer.hold.add("trace")
    question = asyncio.create_task(client.call("trace", 30.0))
    assert await asyncio.to_thread(peer.wait_until, lambda: bool(peer.asked("trace")))
    await client.close()
    with pytest.raises(UnreachableError):
        await question
