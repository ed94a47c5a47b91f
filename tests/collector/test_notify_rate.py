"""Limits on messages in a time: what is over waits and goes together, critical firing goes on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.dispatching import Dispatching, alert, dispatching
from support.receivers import Receiver, receiving

from llmmon_collector.notify.fields import RateLimit, parse_rate
from llmmon_collector.notify.rate import Gate


@pytest.fixture
async def daemon() -> AsyncIterator[Dispatching]:
    async with dispatching() as made:
        yield made


@pytest.fixture
def hook() -> Any:
    with receiving() as receiver:
        yield receiver


def start(daemon: Dispatching, hook: Receiver, rate: str) -> None:
    daemon.start(hook={"type": "webhook", "url": hook.url(), "rate_limit": rate})


def told(hook: Receiver) -> list[list[str]]:
    return [[a["id"] for a in received.json()["alerts"]] for received in hook.accepted]


@pytest.mark.parametrize(
    ("text", "limit"), [("20/1h", RateLimit(20, 3600)), ("1/90s", RateLimit(1, 90))]
)
def test_a_rate_is_messages_in_a_time(text: str, limit: RateLimit) -> None:
    assert parse_rate(text) == limit


@pytest.mark.parametrize("text", ["20", "0/1h", "20/", "20/1y", "20/2d", "-1/1h", "20 / 1h"])
def test_what_is_no_rate_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"rate|duration"):
        parse_rate(text)


@given(
    st.integers(1, 5),
    st.lists(st.tuples(st.integers(0, 40), st.booleans()), max_size=60),
)
def test_never_more_than_the_limit_or_twice_that_with_urgent_ones(
    messages: int, wishes: list[tuple[int, bool]]
) -> None:
    gate, now_s, passed = Gate(RateLimit(messages, 60.0)), 0, list[tuple[int, bool]]()
    for wait_s, urgent in wishes:
        now_s += wait_s
        now_ns = now_s * 10**9
        if gate.is_open(now_ns) or (urgent and gate.is_open_for_urgent(now_ns)):
            gate.passed(now_ns)
            passed.append((now_s, urgent))
    for start_s, _ in passed:
        within = [urgent for at_s, urgent in passed if start_s <= at_s < start_s + 60]
        assert len(within) <= 2 * messages
        if not any(urgent for _, urgent in passed):
            assert len(within) <= messages


async def test_what_is_over_the_limit_waits_and_goes_in_one_message(
    daemon: Dispatching, hook: Receiver
) -> None:
    start(daemon, hook, "2/1m")
    for key in "ab":
        daemon.put("hook", alert(key, severity="warning"), group=key)
        await daemon.settled()
    for key in "cdef":
        daemon.put("hook", alert(key, severity="warning"), group=key)
    daemon.wake(after_s=59)
    await daemon.looked()
    daemon.put("hook", alert("g", severity="warning"), group="g")
    await daemon.looked()
    assert daemon.outbox.waiting("hook") == 5
    daemon.wake(after_s=1)
    await daemon.settled()
    assert told(hook) == [["a"], ["b"], ["c", "d", "e", "f", "g"]]
    daemon.put("hook", alert("h", severity="warning"), group="h")
    await daemon.settled()
    assert told(hook)[-1] == ["h"]


async def test_a_critical_alert_that_fires_waits_for_its_share_at_most(
    daemon: Dispatching, hook: Receiver
) -> None:
    start(daemon, hook, "2/1m")
    for key in "ab":
        daemon.put("hook", alert(key, severity="warning"))
        await daemon.settled()
    daemon.put("hook", alert("w", severity="warning"), group="w")
    daemon.put("hook", alert("c", severity="critical"), group="c")
    daemon.wake(after_s=29.9)
    await daemon.looked()
    assert daemon.outbox.waiting("hook") == 2
    daemon.wake(after_s=0.1)
    await daemon.settled()
    assert told(hook) == [["a"], ["b"], ["c"]]
    daemon.put("hook", "c", event="resolved")
    daemon.wake(after_s=29.9)
    await daemon.looked()
    assert daemon.outbox.waiting("hook") == 2


async def test_without_a_limit_everything_goes_at_once(daemon: Dispatching, hook: Receiver) -> None:
    daemon.start(hook={"type": "webhook", "url": hook.url()})
    for number in range(50):
        daemon.put("hook", f"k{number}")
        await daemon.settled()
    assert len(hook.accepted) == 50


async def test_what_did_not_arrive_uses_up_nothing_of_the_limit(
    daemon: Dispatching, hook: Receiver
) -> None:
    hook.plan(503)
    start(daemon, hook, "1/1h")
    daemon.put("hook", alert("a", severity="warning"))
    await daemon.settled()
    daemon.wake(after_s=1)
    await daemon.settled()
    assert told(hook) == [["a"]]
