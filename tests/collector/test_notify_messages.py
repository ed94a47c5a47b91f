"""What services are sent keeps to their documented contracts, whatever the alert."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter
from support.contracts import PAGERDUTY_PATH, ROUTING_KEY, SLACK_PATH, PagerDuty, slack
from support.dispatching import ALERT, WALL_NS, alert
from support.receivers import Answer, Received

from llmmon.protocol.views import AlertView
from llmmon_collector.notify.messages.alertmanager import alertmanager_alert
from llmmon_collector.notify.messages.mail import mail_message
from llmmon_collector.notify.messages.opsgenie import opsgenie_requests
from llmmon_collector.notify.messages.pagerduty import pagerduty_body
from llmmon_collector.notify.messages.slack import slack_body
from llmmon_collector.notify.model import (
    AlertmanagerChannel,
    ChannelSpec,
    EmailChannel,
    OpsgenieChannel,
    PagerDutyChannel,
)
from llmmon_collector.notify.notification import Delivery, Event
from llmmon_collector.notify.wording import Wording

ADAPTER: TypeAdapter[Any] = TypeAdapter(ChannelSpec)
JSON = {"content-type": "application/json"}
EVENTS: list[Event] = ["firing", "acknowledged", "resolved"]
TEXTS = st.text(max_size=400) | st.sampled_from(["<!channel> & <@U1>", "x" * 5000, "é\n" * 2000])
NUMBERS = st.none() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
ALERTS = st.builds(
    lambda **changes: alert("llmmon:" + "0" * 32, **changes),
    rule=st.text("abc_-.", min_size=1, max_size=200),
    severity=st.sampled_from(["warning", "critical"]),
    labels=st.dictionaries(st.sampled_from(["service", "model", "slo", "check"]), TEXTS),
    summary=TEXTS,
    runbook=TEXTS | st.just("https://example.org/a|b?c=<d>&e=f g"),
    value=NUMBERS,
    threshold=NUMBERS,
    peak=NUMBERS,
    fired_ns=st.none() | st.just(WALL_NS),
    acknowledged_by=st.none() | TEXTS,
    no_data=st.booleans(),
)
WORDINGS = st.sampled_from(
    [Wording(), Wording(title="{service} {summary}", text="{labels}\n{value:.2f}\n{runbook}")]
)


def delivery(view: AlertView, event: Event = "firing") -> Delivery:
    return Delivery(1, "c", event, view, WALL_NS)


def channel(**keys: Any) -> Any:
    return ADAPTER.validate_python(keys)


def pagerduty(**keys: Any) -> PagerDutyChannel:
    return channel(type="pagerduty", routing_key="env:KEY", **keys)


@given(st.lists(st.tuples(ALERTS, st.sampled_from(EVENTS)), min_size=1, max_size=20), WORDINGS)
def test_slack_takes_every_message(batch: list[tuple[AlertView, Event]], wording: Wording) -> None:
    message = slack_body([delivery(*each) for each in batch], wording)
    answer = slack(Received(SLACK_PATH, JSON, json.dumps(message).encode()))
    assert answer == Answer(200, "ok")


@pytest.mark.parametrize(
    ("event", "severity", "colour", "mark"),
    [
        ("firing", "critical", "#e01e5a", "🔴"),
        ("firing", "warning", "#ecb22e", "🟡"),
        ("acknowledged", "critical", "#36c5f0", "👀"),
        ("resolved", "critical", "#2eb67d", "✅"),
    ],
)
def test_slack_sees_the_state_by_its_colour(
    event: Event, severity: str, colour: str, mark: str
) -> None:
    message = slack_body([delivery(alert(severity=severity), event)], Wording())
    assert message["attachments"][0]["color"] == colour
    assert message["text"].startswith(mark)


def test_slack_gets_facts_a_runbook_to_follow_and_nothing_that_mentions_anybody() -> None:
    view = alert(summary="p95 <!channel> & 11 ms", runbook="https://example.org/r?a=1&b=2")
    message = slack_body([delivery(view)], Wording())
    assert message["text"] == (
        "🔴 [CRITICAL] slow (model=gpt-4o): p95 &lt;!channel&gt; &amp; 11 ms"
    )
    fields, runbook = message["attachments"][0]["blocks"]
    assert {"type": "mrkdwn", "text": "*Limit*\nabove 10 ms"} in fields["fields"]
    assert runbook["text"]["text"] == "<https://example.org/r?a=1&amp;b=2|Runbook>"


@pytest.mark.parametrize("wording", [Wording(), Wording("{summary}", "{summary}\n{model}")])
def test_no_escape_for_slack_is_cut_in_two(wording: Wording) -> None:
    for length in range(1, 800, 7):
        view = alert(summary="x" + "&" * length, labels={"model": "y" + "<" * length})
        message = slack_body([delivery(view)], wording)
        answer = slack(Received(SLACK_PATH, JSON, json.dumps(message).encode()))
        assert answer == Answer(200, "ok"), length


@given(ALERTS, st.sampled_from(EVENTS), st.booleans())
def test_pagerduty_takes_every_event(view: AlertView, event: Event, own: bool) -> None:
    keys = {"title": "{summary}", "text": "{labels}\n{runbook}"} if own else {}
    body = pagerduty_body(delivery(view, event), pagerduty(**keys), ROUTING_KEY)
    contract = PagerDuty()
    assert contract(Received(PAGERDUTY_PATH, JSON, body)).status == 202


def test_pagerduty_is_told_where_what_and_how_bad() -> None:
    view = alert(
        runbook="https://example.org/r",
        labels={"service": "bot", "model": "gpt-4o", "environment": "prod"},
    )
    spec = pagerduty(severities={"critical": "error"}, link="https://example.org/board")
    event = json.loads(pagerduty_body(delivery(view), spec, ROUTING_KEY))
    details = event["payload"].pop("custom_details")
    assert event == {
        "routing_key": ROUTING_KEY,
        "event_action": "trigger",
        "dedup_key": "k",
        "client": "llmmon",
        "client_url": "https://example.org/board",
        "links": [{"href": "https://example.org/r", "text": "Runbook"}],
        "payload": {
            "summary": "[CRITICAL] slow (service=bot, model=gpt-4o, environment=prod): p95 11 ms",
            "source": "bot",
            "severity": "error",
            "component": "gpt-4o",
            "group": "prod",
            "class": "latency_p95",
            "timestamp": "2023-11-14T22:13:20.000Z",
        },
    }
    assert details["Limit"] == "above 10 ms"


def test_pagerduty_details_that_are_too_long_are_left_out() -> None:
    view = alert(labels={"model": "x" * 600_000})
    body = pagerduty_body(delivery(view), pagerduty(), ROUTING_KEY)
    assert len(body) < 512 * 1024
    assert json.loads(body)["payload"]["custom_details"].keys() == {"note"}
    assert PagerDuty()(Received(PAGERDUTY_PATH, JSON, body)).status == 202


@given(ALERTS, st.sampled_from(EVENTS))
def test_opsgenie_keeps_to_its_limits(view: AlertView, event: Event) -> None:
    spec = channel(type="opsgenie", api_key="env:KEY")
    assert isinstance(spec, OpsgenieChannel)
    first, *more = opsgenie_requests(delivery(view, event), spec)
    assert bool(more) == (event == "firing")
    if event == "firing":
        assert 1 <= len(first.body["message"]) <= 130
        assert len(first.body["description"]) <= 15_000
        assert len(first.body["entity"]) <= 512
        assert sum(len(k) + len(v) for k, v in first.body["details"].items()) <= 8000
        assert more[0].body == {"priority": {"warning": "P3", "critical": "P1"}[view.severity]}


@given(ALERTS, st.sampled_from(EVENTS))
def test_alertmanager_gets_names_and_times_that_it_takes(view: AlertView, event: Event) -> None:
    spec = channel(type="alertmanager", urls=["http://h"], labels={"team": "ml"})
    assert isinstance(spec, AlertmanagerChannel)
    message = alertmanager_alert(delivery(view, event), spec, view.severity, WALL_NS + 10**9)
    assert message["labels"]["alertname"] == view.rule
    assert all(message["labels"].values())
    assert message["startsAt"] < message["endsAt"]
    over = "2023-11-14T22:13:21" if event == "resolved" else "2023-11-14T22:17:21"
    assert message["endsAt"].startswith(over)


@pytest.mark.parametrize(
    ("runbook", "link"),
    [
        ("https://example.org/r?a=%20#b", "https://example.org/r?a=%20#b"),
        ("https://example.org#b", "https://example.org/#b"),
        ("https://example.org/%zz", None),
        ("https://example.org/{r}", None),
        ("http://[::1", None),
        ("see the wiki", None),
    ],
)
def test_alertmanager_gets_no_link_for_which_it_would_refuse_the_alert(
    runbook: str, link: str | None
) -> None:
    spec = channel(type="alertmanager", urls=["http://h"])
    message = alertmanager_alert(delivery(alert(runbook=runbook)), spec, "critical", WALL_NS)
    assert message.get("generatorURL") == link
    assert message["annotations"]["runbook_url"] == runbook


@given(st.lists(st.tuples(ALERTS, st.sampled_from(EVENTS)), min_size=1, max_size=5))
def test_any_alert_makes_a_mail(batch: list[tuple[AlertView, Event]]) -> None:
    keys = {"host": "h", "from": "llmmon@example.org", "to": ["ops@example.org"]}
    spec = channel(type="email", **keys)
    assert isinstance(spec, EmailChannel)
    deliveries = [delivery(*each) for each in batch]
    message = mail_message(deliveries, spec, WALL_NS)
    assert message.as_bytes()
    assert message["Message-ID"] == mail_message(deliveries, spec, WALL_NS + 1)["Message-ID"]


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ({}, "no_text"),
        ({"text": "x", "colour": "red"}, "invalid_payload"),
        ({"text": "<!channel>"}, "msg_too_long: markup"),
        ({"blocks": [{"type": "section"}]}, "invalid_blocks"),
        ({"blocks": [{"type": "section", "fields": []}]}, "invalid_blocks"),
        (
            {"blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": "x" * 3001}}]},
            "invalid_blocks",
        ),
    ],
)
def test_the_slack_contract_refuses_what_breaks_it(message: dict[str, Any], said: str) -> None:
    answer = slack(Received(SLACK_PATH, JSON, json.dumps(message).encode()))
    assert answer == Answer(400, said)


@pytest.mark.parametrize(
    "change",
    [
        {"routing_key": "0" * 32},
        {"event_action": "open"},
        {"dedup_key": "k" * 256},
        {"extra": 1},
        {"payload": {"summary": "x" * 1025, "source": "s", "severity": "info"}},
        {"payload": {"summary": "x", "source": "s", "severity": "fatal"}},
        {"payload": {"summary": "x", "severity": "info"}},
    ],
)
def test_the_pagerduty_contract_refuses_what_breaks_it(change: dict[str, Any]) -> None:
    fine = json.loads(pagerduty_body(delivery(ALERT), pagerduty(), ROUTING_KEY))
    body = json.dumps({**fine, **change}).encode()
    answer = PagerDuty()(Received(PAGERDUTY_PATH, JSON, body))
    assert (answer.status, json.loads(answer.body)["status"]) == (400, "invalid event")
