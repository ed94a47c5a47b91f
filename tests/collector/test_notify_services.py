"""Slack, PagerDuty, Opsgenie and Alertmanager by their contracts: payloads, failures, retries."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from support.contracts import (
    PAGERDUTY_PATH,
    ROUTING_KEY,
    SLACK_PATH,
    THROTTLED,
    PagerDuty,
    slack,
)
from support.dispatching import Dispatching, alert, dispatching
from support.receivers import Answer, Received, Receiver, receiving


@pytest.fixture
async def daemon() -> AsyncIterator[Dispatching]:
    async with dispatching() as made:
        yield made


@pytest.fixture
def workspace() -> Iterator[Receiver]:
    with receiving(slack) as receiver:
        yield receiver


@pytest.fixture
def pager() -> Iterator[Receiver]:
    with receiving(PagerDuty()) as receiver:
        yield receiver


def start_slack(daemon: Dispatching, workspace: Receiver, **keys: Any) -> None:
    daemon.environ = {"SLACK": workspace.url(SLACK_PATH)}
    daemon.start(slack={"type": "slack", "url": "env:SLACK", **keys})


def start_pagerduty(daemon: Dispatching, pager: Receiver, **keys: Any) -> None:
    daemon.environ = {"KEY": ROUTING_KEY}
    url = pager.url(PAGERDUTY_PATH)
    daemon.start(pager={"type": "pagerduty", "routing_key": "env:KEY", "url": url, **keys})


def incidents(pager: Receiver) -> list[dict[str, str]]:
    assert isinstance(pager.contract, PagerDuty)
    return pager.contract.incidents


async def test_slack_is_told_of_firing_acknowledged_and_resolved(
    daemon: Dispatching, workspace: Receiver
) -> None:
    start_slack(daemon, workspace)
    for event in ("firing", "acknowledged", "resolved"):
        daemon.put("slack", alert(acknowledged_by="anna"), event=event)
        await daemon.settled()
    marks = [received.json()["text"][0] for received in workspace.accepted]
    assert marks == ["🔴", "👀", "✅"]
    assert workspace.refused == []


async def test_slack_that_limits_the_rate_is_left_alone_for_as_long_as_it_says(
    daemon: Dispatching, workspace: Receiver
) -> None:
    workspace.plan(429, "rate_limited", Retry_After="30")
    start_slack(daemon, workspace)
    daemon.put("slack", "a")
    await daemon.settled()
    daemon.put("slack", "b")
    daemon.wake(after_s=29.9)
    await daemon.looked()
    assert len(workspace.received) == 1
    daemon.wake(after_s=0.1)
    await daemon.settled()
    assert [len(received.json()["attachments"]) for received in workspace.accepted] == [2]


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (400, "invalid_payload"),
        (403, "action_prohibited"),
        (404, "channel_not_found"),
        (410, "channel_is_archived"),
    ],
)
async def test_what_slack_refuses_is_not_sent_again(
    daemon: Dispatching, workspace: Receiver, status: int, said: str
) -> None:
    workspace.plan(status, said)
    start_slack(daemon, workspace)
    daemon.put("slack", "a")
    await daemon.settled()
    daemon.wake(after_s=3600)
    await daemon.looked()
    channel = daemon.status("slack")
    assert (channel.failed, channel.waiting, len(workspace.received)) == (1, 0, 1)
    assert channel.last_error == f"HTTP {status}: {said}"
    assert daemon.logged[-1][1]["reason"] == f"HTTP {status}: {said}"


async def test_failures_are_logged_each_and_so_is_the_delivery_after_them(
    daemon: Dispatching, workspace: Receiver
) -> None:
    workspace.plan(500, "rollup_error")
    workspace.plan(503)
    start_slack(daemon, workspace)
    daemon.put("slack", "a")
    for wait_s in (0, 1, 2):
        daemon.wake(after_s=wait_s)
        await daemon.settled()
    assert daemon.events() == [
        "notification_failed",
        "notification_failed",
        "notifications_resumed",
    ]
    assert daemon.logged[-1][1] == {"channel": "slack", "failed_attempts": 2, "notifications": 1}
    channel = daemon.status("slack")
    assert (channel.sent, channel.failing_attempts, channel.last_error) == (1, 0, "")
    assert channel.last_sent_ns == daemon.clock.wall_ns()


async def test_pagerduty_opens_updates_acknowledges_and_closes_one_incident(
    daemon: Dispatching, pager: Receiver
) -> None:
    start_pagerduty(daemon, pager)
    steps: list[tuple[Any, str]] = [
        ("firing", "warning"),
        ("firing", "critical"),
        ("acknowledged", "critical"),
        ("resolved", "critical"),
    ]
    seen = []
    for event, severity in steps:
        daemon.put("pager", alert(severity=severity), event=event)
        await daemon.settled()
        seen.append([(i["state"], i["severity"]) for i in incidents(pager)])
    assert seen == [
        [("triggered", "warning")],
        [("triggered", "critical")],
        [("acknowledged", "critical")],
        [("resolved", "critical")],
    ]


async def test_pagerduty_that_is_flooded_is_left_alone_for_two_minutes(
    daemon: Dispatching, pager: Receiver
) -> None:
    pager.plan(429, THROTTLED)
    start_pagerduty(daemon, pager)
    daemon.put("pager", "a", "b")
    await daemon.settled()
    daemon.wake(after_s=119)
    await daemon.looked()
    assert len(pager.received) == 1
    daemon.wake(after_s=1)
    await daemon.settled()
    assert min(i["key"] for i in incidents(pager)) == "a"


async def test_an_event_that_pagerduty_finds_invalid_is_never_sent_again(
    daemon: Dispatching, pager: Receiver
) -> None:
    pager.contract = PagerDuty("f" * 32)
    start_pagerduty(daemon, pager)
    daemon.put("pager", "a")
    await daemon.settled()
    daemon.wake(after_s=3600)
    await daemon.looked()
    assert (daemon.status("pager").failed, len(pager.received)) == (1, 1)
    assert "invalid event" in daemon.status("pager").last_error
    assert ROUTING_KEY not in repr(daemon.logged) + repr(daemon.status("pager"))


async def test_an_answer_that_comes_too_late_counts_as_none_and_the_key_stays_the_same(
    daemon: Dispatching, pager: Receiver
) -> None:
    late = pager.plan_silence()
    start_pagerduty(daemon, pager, timeout="200ms")
    daemon.put("pager", "a")
    await daemon.settled()
    assert daemon.status("pager").last_error == "no answer within 0.2 s"
    late.set()
    daemon.wake(after_s=1)
    await daemon.settled()
    assert [(i["key"], i["state"]) for i in incidents(pager)] == [("a", "triggered")]


async def test_opsgenie_opens_raises_and_closes_an_alert(daemon: Dispatching) -> None:
    with receiving(lambda _: Answer(202, "{}")) as opsgenie:
        daemon.environ = {"KEY": "hunter2"}
        spec = {"type": "opsgenie", "api_key": "env:KEY", "url": opsgenie.url("")}
        daemon.start(genie=spec)
        for event in ("firing", "acknowledged", "resolved"):
            daemon.put("genie", "llmmon:1", event=event)
            await daemon.settled()
    assert [(received.method, received.path) for received in opsgenie.accepted] == [
        ("POST", "/v2/alerts"),
        ("PUT", "/v2/alerts/llmmon:1/priority?identifierType=alias"),
        ("POST", "/v2/alerts/llmmon:1/acknowledge?identifierType=alias"),
        ("POST", "/v2/alerts/llmmon:1/close?identifierType=alias"),
    ]
    assert {r.headers["authorization"] for r in opsgenie.accepted} == {"GenieKey hunter2"}
    assert opsgenie.accepted[0].json()["alias"] == "llmmon:1"
    assert opsgenie.accepted[1].json() == {"priority": "P1"}


def labels(received: Received) -> list[tuple[str, bool]]:
    """Severities, and whether each is over by when it was told."""
    return [
        (a["labels"]["severity"], a["endsAt"] <= "2023-11-14T22:13:21Z") for a in received.json()
    ]


async def test_each_member_of_an_alertmanager_cluster_is_told_and_one_suffices(
    daemon: Dispatching,
) -> None:
    with receiving() as first, receiving() as second:
        second.plan(503, "not ready")
        daemon.environ = {"PASSWORD": "hunter2"}
        login = {"username": "llmmon", "password": "env:PASSWORD"}
        urls = [first.url(""), second.url("/prefix/")]
        daemon.start(am={"type": "alertmanager", "urls": urls, **login})
        daemon.put("am", "a")
        await daemon.settled()
        channel = daemon.status("am")
        assert channel.last_error == "1 of 2 did not take it: HTTP 503: not ready"
        assert (channel.sent, channel.failing_attempts) == (1, 0)
        assert daemon.events() == ["notification_partly_failed"]
        assert first.accepted[0].path == "/api/v2/alerts"
        assert second.received[0].path == "/prefix/api/v2/alerts"
        assert first.accepted[0].headers["authorization"] == "Basic bGxtbW9uOmh1bnRlcjI="
        first.plan(400, "bad")
        second.plan(503, "not ready")
        daemon.put("am", "b")
        await daemon.settled()
        assert daemon.status("am").waiting == 1
        assert daemon.status("am").last_error == "HTTP 400: bad; HTTP 503: not ready"


async def test_an_alert_that_becomes_critical_is_over_for_alertmanager_as_a_warning(
    daemon: Dispatching,
) -> None:
    with receiving() as member:
        daemon.environ = {"TOKEN": "hunter2"}
        urls = [member.url()]
        daemon.start(am={"type": "alertmanager", "urls": urls, "token": "env:TOKEN"})
        for severity in ("warning", "critical", "critical"):
            daemon.put("am", alert(severity=severity))
            await daemon.settled()
        daemon.put("am", alert(), event="resolved")
        await daemon.settled()
    assert [labels(received) for received in member.accepted] == [
        [("warning", False)],
        [("warning", True), ("critical", False)],
        [("critical", False)],
        [("critical", True)],
    ]
    assert member.accepted[0].headers["authorization"] == "Bearer hunter2"


async def test_a_group_never_mixes_with_another(daemon: Dispatching, workspace: Receiver) -> None:
    start_slack(daemon, workspace)
    daemon.outbox.put("slack", "firing", alert("a"), daemon.clock.wall_ns())
    daemon.put("slack", "b", group="g")
    for _ in range(2):
        await daemon.settled()
        if len(workspace.accepted) == 2:
            break
    assert [len(received.json()["attachments"]) for received in workspace.accepted] == [1, 1]
    assert all(json.loads(received.body) for received in workspace.accepted)
