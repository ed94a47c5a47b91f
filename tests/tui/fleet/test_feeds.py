"""A fleet over real sockets: news of several collectors as of one."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import pytest
from support.fleet import tell_parts
from support.snapshots import AT_NS, busy_snapshot
from support.viewer_data import answer_all, request_row
from support.viewer_peer import Refusal, ViewerPeer

from llmmon.protocol.codec import pack, unpack
from llmmon.protocol.endpoint import parse_address
from llmmon.protocol.snapshot import VERSION, encode_snapshot
from llmmon_tui.feed import Arrived, Lost, Mismatched, Rows, Timing
from llmmon_tui.fleet.collector import Target
from llmmon_tui.fleet.connection import FleetConnection

QUICK = Timing(silence_s=0.1, answer_s=0.2, retry_s=0.01, longest_retry_s=0.05)
LIMIT_S = 10.0


class Watch:
    """A wall clock that a test sets."""

    def __init__(self):
        self.now_ns = AT_NS

    def __call__(self):
        return self.now_ns


class Ear:
    """Hears what a fleet tells."""

    def __init__(self):
        self.news = asyncio.Queue()

    async def next(self, kind, wanted=lambda news: True):
        async with asyncio.timeout(LIMIT_S):
            while True:
                news = await self.news.get()
                if isinstance(news, kind) and wanted(news):
                    return news


class Fleet:
    """A connection whose feed can be made to follow something else."""

    def __init__(self, addresses, timing):
        self.ear = Ear()
        self.watch = Watch()
        self.connection = FleetConnection(
            [Target(address) for address in addresses],
            self.ear.news.put_nowait,
            self.watch,
            timing,
        )
        self._task = None

    async def follow(self, by="model", window_s=300):
        await self.stop()
        self._task = asyncio.create_task(self.connection.feed.follow(by, window_s))

    async def stop(self):
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)


@asynccontextmanager
async def following(*addresses, timing=QUICK):
    fleet = Fleet(addresses, timing)
    await fleet.follow()
    try:
        yield fleet
    finally:
        await fleet.stop()
        await fleet.connection.close()


@pytest.fixture
def peers(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    with ViewerPeer(f"ipc://{tmp_path}/a") as a, ViewerPeer(f"ipc://{tmp_path}/b") as b:
        for name, peer, share in (("a", a, {"m": [10.0]}), ("b", b, {"m": [500.0, 900.0]})):
            peer.serve(busy_snapshot(name=name), busy_snapshot(name=name, by="route"))
            tell_parts(peer, share)
        yield a, b


def total_of(news):
    return news.snapshot.window(300).total["requests"]


async def test_two_collectors_are_told_as_one(peers):
    a, b = peers
    async with following(a.address, b.address) as fleet:
        news = await fleet.ear.next(Arrived, lambda news: total_of(news) == 3)
        assert news.snapshot.name == "a + b"
        assert news.snapshot.problems == ()
        assert [state.name for state in fleet.connection.states()] == ["a", "b"]
        assert all(state.is_counted for state in fleet.connection.states())
        assert a.asked("parts")[0] == {"window_s": 300, "by": "model"}


async def test_news_come_again_and_again(peers):
    a, b = peers
    async with following(a.address, b.address) as fleet:
        first = await fleet.ear.next(Arrived, lambda news: total_of(news) == 3)
        for peer, name in zip(peers, "ab", strict=True):
            assert await asyncio.to_thread(
                peer.wait_until, lambda p=peer: "snapshot.model" in p.topics
            )
            tell_parts(peer, {"m": [10.0] * 5})
            peer.publish(busy_snapshot(name=name, seq=4712))
        later = await fleet.ear.next(Arrived, lambda news: total_of(news) == 10)
        assert later.snapshot.seq > first.snapshot.seq


async def test_another_window_and_grouping_are_asked_for(peers):
    a, b = peers
    async with following(a.address, b.address) as fleet:
        await fleet.ear.next(Arrived)
        await fleet.follow("route", 3500)
        news = await fleet.ear.next(Arrived, lambda news: news.snapshot.by == "route")
        assert [len(view.groups) for view in news.snapshot.windows] == [0, 0, 1, 0]
        assert b.asked("parts")[-1] == {"window_s": 3600, "by": "route"}


async def test_who_goes_is_left_out_and_who_comes_back_is_in_again(peers, tmp_path):
    a, _ = peers
    (tmp_path / "c").mkdir()
    address = parse_address(f"ipc://{tmp_path}/c")
    async with following(a.address, address) as fleet:
        await fleet.ear.next(Arrived, lambda news: total_of(news) == 1)
        with ViewerPeer(address.text) as c:
            c.serve(busy_snapshot(name="c"))
            tell_parts(c, {"m": [1.0] * 4})
            news = await fleet.ear.next(Arrived, lambda news: total_of(news) == 5)
            assert news.snapshot.name == "a + c"
        fleet.watch.now_ns += 12 * 10**9
        tell_parts(a, {"m": [1.0] * 2})
        a.serve(busy_snapshot(name="a", seq=4712, at_ns=AT_NS + 12 * 10**9))
        news = await fleet.ear.next(Arrived, lambda news: total_of(news) == 2)
        assert news.snapshot.problems == ("c: no answer for 12s, not in these numbers",)
        away = fleet.connection.states()[1]
        assert (away.name, away.age_s, away.is_counted) == ("c", 12.0, False)
        with ViewerPeer(address.text) as c:
            c.serve(busy_snapshot(name="c", started_ns=1, at_ns=AT_NS + 12 * 10**9))
            tell_parts(c, {"m": [1.0] * 4})
            news = await fleet.ear.next(Arrived, lambda news: total_of(news) == 6)
            assert news.snapshot.problems == ()


async def test_nobody_there_is_said_as_of_one(tmp_path):
    nowhere = [parse_address(f"ipc://{tmp_path}/{name}") for name in "xy"]
    async with following(*nowhere) as fleet:
        lost = await fleet.ear.next(Lost)
        assert lost.reason == "no answer"
        assert [state.name for state in fleet.connection.states()] == [one.text for one in nowhere]


async def test_a_collector_without_parts_is_named(peers):
    a, b = peers
    del b.answers["parts"]
    async with following(a.address, b.address) as fleet:
        news = await fleet.ear.next(Arrived, lambda news: "upgrade" in str(news.snapshot.problems))
        assert total_of(news) == 1
        assert news.snapshot.problems == (
            "b: too old to be added up: upgrade it, not in these numbers",
        )


async def test_collectors_that_cannot_be_added_up_are_no_fleet(peers):
    def refuse(params):
        raise Refusal("bad_request", "no")

    for peer in peers:
        peer.answers["parts"] = refuse
    async with following(*(peer.address for peer in peers)) as fleet:
        lost = await fleet.ear.next(Lost)
        assert "cannot be added up: bad_request: no" in lost.reason


async def test_other_versions_are_said_so(peers):
    fields = unpack(encode_snapshot(busy_snapshot()))
    for peer in peers:
        peer.answers["snapshot"] = lambda params: pack([VERSION + 1, *fields[1:]])
    async with following(*(peer.address for peer in peers)) as fleet:
        assert f"version {VERSION + 1}" in (await fleet.ear.next(Mismatched)).reason


async def test_requests_of_all_come_through(peers):
    a, b = peers
    answer_all(a)
    async with following(a.address, b.address, timing=Timing(answer_s=5.0)) as fleet:
        await fleet.ear.next(Arrived)
        assert await asyncio.to_thread(b.wait_until, lambda: "tail.requests" in b.topics)
        b.publish_rows([request_row(7)])
        assert [row.id for row in (await fleet.ear.next(Rows)).rows] == ["req-0007"]
        await fleet.connection.feed.fetch_rows()
        assert len((await fleet.ear.next(Rows)).rows) == 40
