import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from support.snapshots import busy_snapshot
from support.viewer_data import answer_all, request_row
from support.viewer_peer import ViewerPeer

from llmmon.protocol.codec import pack, unpack
from llmmon.protocol.endpoint import parse_address
from llmmon.protocol.snapshot import VERSION, encode_snapshot
from llmmon_tui.connection import Connection
from llmmon_tui.feed import Arrived, Lost, Mismatched, Rows, Timing

QUICK = Timing(silence_s=0.1, answer_s=0.2, retry_s=0.01, longest_retry_s=0.05)
PATIENT = Timing(silence_s=30.0)
LIMIT_S = 10.0


class Ear:
    """Hears what a feed tells."""

    def __init__(self):
        self.heard = []
        self.news = asyncio.Queue()

    def __call__(self, news):
        self.heard.append(news)
        self.news.put_nowait(news)

    async def next(self, kind):
        async with asyncio.timeout(LIMIT_S):
            while True:
                news = await self.news.get()
                if isinstance(news, kind):
                    return news


@asynccontextmanager
async def following(address, timing=PATIENT, by="model"):
    ear = Ear()
    connection = Connection(address, ear, timing)
    task = asyncio.create_task(connection.feed.follow(by))
    try:
        yield ear
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await connection.close()


async def until(peer, condition):
    assert await asyncio.to_thread(peer.wait_until, condition)


@pytest.fixture
def peer(tmp_path):
    with ViewerPeer(f"ipc://{tmp_path}") as peer:
        peer.serve(busy_snapshot(seq=10))
        yield peer


async def test_subscribe_then_fetch_then_drop_what_is_older(peer):
    """What is published between subscribing and the answer is neither lost nor shown twice."""

    def answer(params):
        # by now the subscription is in: these wait in the subscriber's queue
        peer.publish(*(busy_snapshot(seq=seq) for seq in (9, 10, 11)))
        return encode_snapshot(busy_snapshot(seq=10))

    async with following(peer.address) as ear:
        peer.hold.add("snapshot")
        await until(peer, lambda: "snapshot.model" in peer.topics)
    peer.hold.clear()
    peer.answers["snapshot"] = answer
    async with following(peer.address) as ear:
        assert (await ear.next(Arrived)).snapshot.seq == 10
        await until(peer, lambda: "snapshot.model" in peer.topics)
        peer.publish(busy_snapshot(seq=11), busy_snapshot(seq=12))
        while (await ear.next(Arrived)).snapshot.seq < 12:
            pass
    shown = [news.snapshot.seq for news in ear.heard if isinstance(news, Arrived)]
    assert shown == [10, 11, 12]


async def test_only_the_grouping_that_was_asked_for(peer):
    peer.serve(busy_snapshot(seq=10, by="route"))
    async with following(peer.address, by="route") as ear:
        assert (await ear.next(Arrived)).snapshot.by == "route"
        await until(peer, lambda: "snapshot.route" in peer.topics)
        assert "snapshot.model" not in peer.topics
        assert peer.asked("snapshot") == [{"by": "route"}]


async def test_a_gap_is_told_and_makes_it_fetch_again(peer):
    async with following(peer.address) as ear:
        await ear.next(Arrived)
        await until(peer, lambda: "snapshot.model" in peer.topics)
        peer.publish(busy_snapshot(seq=11))
        assert (await ear.next(Arrived)).missed == 0
        assert len(peer.asked("snapshot")) == 1
        peer.publish(busy_snapshot(seq=15))
        assert (await ear.next(Arrived)).missed == 3
        await until(peer, lambda: len(peer.asked("snapshot")) == 2)


async def test_a_restarted_collector_is_news(peer):
    async with following(peer.address) as ear:
        await ear.next(Arrived)
        await until(peer, lambda: "snapshot.model" in peer.topics)
        peer.publish(busy_snapshot(seq=1, started_ns=1))
        news = await ear.next(Arrived)
        assert (news.snapshot.seq, news.missed) == (1, 0)


async def test_silence_makes_it_fetch_again(peer):
    async with following(peer.address, QUICK) as ear:
        await ear.next(Arrived)
        peer.serve(busy_snapshot(seq=11))
        assert (await ear.next(Arrived)).snapshot.seq == 11
    assert not any(isinstance(news, Lost) for news in ear.heard)


async def test_rows_alone_are_a_silence_too(peer):
    async with following(peer.address, QUICK) as ear:
        await ear.next(Arrived)
        while len(peer.asked("snapshot")) < 2:
            peer.publish_rows([request_row(1)])
            await asyncio.sleep(QUICK.silence_s / 10)


async def test_a_collector_that_goes_and_comes_back(tmp_path):
    address = parse_address(f"ipc://{tmp_path}")
    async with following(address, QUICK) as ear:
        lost = await ear.next(Lost)
        assert (lost.reason, lost.attempt) == ("no answer", 1)
        with ViewerPeer(address.text) as peer:
            peer.serve(busy_snapshot(seq=3))
            assert (await ear.next(Arrived)).snapshot.seq == 3
        assert (await ear.next(Lost)).attempt == 1
        assert (await ear.next(Lost)).attempt == 2
        with ViewerPeer(address.text) as peer:
            peer.serve(busy_snapshot(seq=9))
            assert (await ear.next(Arrived)).snapshot.seq == 9


async def test_tries_come_at_growing_distances(tmp_path):
    async with following(parse_address(f"ipc://{tmp_path}"), QUICK) as ear:
        waits = [(await ear.next(Lost)).retry_s for _ in range(5)]
    assert waits == [0.01, 0.02, 0.04, 0.05, 0.05]


async def test_another_version_is_said_so(peer):
    fields = unpack(encode_snapshot(busy_snapshot()))
    peer.answers["snapshot"] = lambda params: pack([VERSION + 1, *fields[1:]])
    async with following(peer.address, QUICK) as ear:
        assert f"version {VERSION + 1}, expected {VERSION}" in (await ear.next(Mismatched)).reason


@pytest.mark.parametrize("answer", [b"\xc1", "text", b"\x90"])
async def test_an_unreadable_answer_is_said_so(peer, answer):
    peer.answers["snapshot"] = lambda params: answer
    async with following(peer.address, QUICK) as ear:
        assert "unreadable answer" in (await ear.next(Lost)).reason


async def test_a_refusal_is_said_so(peer):
    peer.answers.clear()
    async with following(peer.address, QUICK) as ear:
        assert "unknown_method" in (await ear.next(Lost)).reason


async def test_the_tail_is_passed_on_and_a_bad_one_does_no_harm(peer):
    async with following(peer.address) as ear:
        await ear.next(Arrived)
        await until(peer, lambda: "tail.requests" in peer.topics)
        peer.send("tail.requests", b"\xc1")
        peer.publish_rows([request_row(7)])
        assert [row.id for row in (await ear.next(Rows)).rows] == ["req-0007"]
        peer.publish(busy_snapshot(seq=11))
        assert (await ear.next(Arrived)).snapshot.seq == 11


async def test_earlier_requests_are_asked_for(peer):
    answer_all(peer)
    ear = Ear()
    connection = Connection(peer.address, ear)
    await connection.feed.fetch_rows()
    await connection.close()
    assert [params["only"] for params in peer.asked("requests")] == ["all", "errors", "slow"]
    assert len(ear.heard[0].rows) == 40


async def test_a_burst_is_taken_in(peer):
    async with following(peer.address) as ear:
        await ear.next(Arrived)
        await until(peer, lambda: "snapshot.model" in peer.topics)
        base = busy_snapshot()
        peer.publish(*(replace(base, seq=seq) for seq in range(11, 61)))
        while (await ear.next(Arrived)).snapshot.seq < 60:
            pass
