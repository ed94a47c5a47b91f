"""One alert that a service, or a sender, cannot take takes no other with it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from support.dispatching import Dispatching, alert, dispatching
from support.receivers import Answer, Received, Receiver, receiving

KEYS = [f"k{number:02}" for number in range(100)]


def ids(received: Received) -> list[str]:
    return [told["id"] for told in received.json()["alerts"]]


def refuse_bad(received: Received) -> Answer:
    """The contract of a service that knows no ``bad`` alerts."""
    return Answer(400, "what is bad?") if "bad" in ids(received) else Answer(200)


@pytest.fixture
async def daemon() -> AsyncIterator[Dispatching]:
    async with dispatching() as made:
        yield made


@pytest.fixture
def hook() -> Iterator[Receiver]:
    with receiving(refuse_bad) as receiver:
        yield receiver


def start(daemon: Dispatching, hook: Receiver, **keys: Any) -> None:
    daemon.start(hook={"type": "webhook", "url": hook.url(), **keys})


def told(hook: Receiver) -> list[str]:
    return [id_ for received in hook.accepted for id_ in ids(received)]


async def settle_all(daemon: Dispatching) -> None:
    """Until the attempts that one batch takes are over."""
    while daemon.status("hook").waiting:
        await daemon.settled()


async def test_one_bad_alert_of_a_hundred_is_refused_and_the_others_are_told_in_order(
    daemon: Dispatching, hook: Receiver
) -> None:
    start(daemon, hook)
    daemon.put("hook", *KEYS[:37], "bad", *KEYS[37:99])
    await settle_all(daemon)
    assert told(hook) == KEYS[:99]
    channel = daemon.status("hook")
    assert (channel.sent, channel.failed, channel.given_up) == (99, 1, 1)
    assert len(hook.received) <= 15
    [refusal] = [fields for event, fields in daemon.logged if event == "notification_refused"]
    assert refusal == {"channel": "hook", "reason": "HTTP 400: what is bad?", "notifications": 1}


async def test_a_channel_that_refuses_whoever_sends_is_not_asked_for_each_alert(
    daemon: Dispatching, hook: Receiver
) -> None:
    hook.plan(403)
    start(daemon, hook)
    daemon.put("hook", *KEYS)
    await daemon.settled()
    assert (daemon.status("hook").failed, len(hook.received)) == (100, 1)


async def test_trouble_among_the_halves_leaves_the_rest_for_later(
    daemon: Dispatching, hook: Receiver
) -> None:
    start(daemon, hook)
    hook.plan(400)
    hook.plan(429, Retry_After="30")
    daemon.put("hook", *KEYS[:8])
    await daemon.settled()
    channel = daemon.status("hook")
    assert (channel.waiting, channel.failed, len(hook.received)) == (8, 0, 2)
    daemon.wake(after_s=30)
    await settle_all(daemon)
    assert told(hook) == KEYS[:8]


async def test_stopping_among_the_halves_keeps_all_that_was_not_told(
    daemon: Dispatching, hook: Receiver
) -> None:
    start(daemon, hook)
    hook.plan(400)
    hook.plan(200)
    hook.plan_silence()
    daemon.put("hook", *KEYS[:8])
    await daemon.settled()
    while len(hook.received) < 3:
        await asyncio.sleep(0.01)
    assert daemon.dispatcher is not None
    await daemon.dispatcher.stop()
    assert daemon.outbox.waiting("hook") == 4
    taken = daemon.outbox.take("hook", daemon.clock.mono_ns(), daemon.clock.wall_ns(), 100)
    assert [delivery.key for delivery in taken] == KEYS[4:8]


async def test_an_alert_that_a_sender_cannot_put_into_words_holds_up_no_other(
    daemon: Dispatching, hook: Receiver
) -> None:
    start(daemon, hook)
    daemon.put("hook", alert("odd", summary="\ud800"), *KEYS[:9])
    while daemon.status("hook").waiting > 1 or not daemon.status("hook").failing_attempts:
        await daemon.settled()
        daemon.wake(after_s=1)
    assert set(told(hook)) == set(KEYS[:9])
    assert daemon.status("hook").last_error.endswith("in the sender")
