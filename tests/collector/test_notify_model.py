from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from llmmon.errors import ConfigError
from llmmon_collector.notify.channels import make_sender
from llmmon_collector.notify.model import ChannelSpec, WebhookChannel
from llmmon_collector.notify.result import Failed, Result, Retry, Sent, backoff_s, judge_status

# Apprise imports a module that Python 3.11 deprecates
pytestmark = pytest.mark.filterwarnings("ignore:.*imghdr:DeprecationWarning")

MAIL = {"host": "h", "from": "llmmon@example.org", "to": ["ops@example.org"]}
LOGIN = {"username": "me", "password": "env:PASSWORD"}
AM = {"urls": ["http://h"]}
ADAPTER: TypeAdapter[ChannelSpec] = TypeAdapter(ChannelSpec)


def channel(**keys: Any) -> ChannelSpec:
    return ADAPTER.validate_python(keys)


def test_a_channel_has_defaults() -> None:
    spec = channel(type="webhook", url="https://example.org/hook", timeout="2s")
    assert isinstance(spec, WebhookChannel)
    assert (spec.timeout_s, spec.min_severity, spec.send_resolved) == (2, "warning", True)
    assert channel(type="log").timeout_s == 10


def test_a_type_says_what_it_must_hear_of() -> None:
    refreshed = channel(type="alertmanager", urls=["http://h"], refresh="30s")
    assert (refreshed.refresh_s, refreshed.tells_acknowledged) == (30, False)
    pager = channel(type="pagerduty", routing_key="env:KEY")
    assert (pager.refresh_s, pager.tells_acknowledged) == (None, True)
    assert not channel(type="email", **MAIL).tells_acknowledged


def test_mail_goes_to_the_port_that_belongs_to_its_encryption() -> None:
    ports = {
        encryption: channel(type="email", **MAIL, encryption=encryption).smtp_port
        for encryption in ("starttls", "tls", "none")
    }
    assert ports == {"starttls": 587, "tls": 465, "none": 25}
    assert channel(type="email", **MAIL, port=2525).smtp_port == 2525
    local = {**MAIL, "host": "localhost", "encryption": "none"}
    assert channel(type="email", **local, **LOGIN).username == "me"


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"type": "slack", "url": "https://hooks.slack.com/T/B/hunter2"}, "a secret is named"),
        ({"type": "apprise", "url": "pagerduty://hunter2@key"}, "a secret is named"),
        ({"type": "webhook", "url": "ftp://example.org"}, "expected a URL such as"),
        ({"type": "webhook", "url": "http://me:hunter2@example.org"}, "holds a password"),
        ({"type": "webhook", "url": "http://h", "secret": "hunter2"}, "a secret is named"),
        (
            {"type": "webhook", "url": "http://h", "headers": {"X-Api-Key": "hunter2"}},
            "X-Api-Key looks like a secret",
        ),
        ({"type": "webhook", "url": "http://h", "headers": {"X A": "1"}}, "not the name of a"),
        ({"type": "webhook", "url": "http://h", "headers": {"X": "1\r\nY: 2"}}, "one line"),
        ({"type": "log", "min_severity": "fatal"}, "'warning' or 'critical'"),
        ({"type": "log", "timeout": "2m"}, "less than or equal to 60"),
        ({"type": "log", "colour": "red"}, "Extra inputs"),
        ({"type": "log", "rate_limit": "many"}, "not a rate: write messages in a time"),
        ({"type": "log", "title": "{modle}"}, 'did you mean "model"?'),
        ({"type": "pagerduty", "routing_key": "hunter2"}, "a secret is named"),
        (
            {"type": "pagerduty", "routing_key": "env:K", "severities": {"critical": "bad"}},
            "'info'",
        ),
        ({"type": "opsgenie", "api_key": "hunter2"}, "a secret is named"),
        ({"type": "email", **MAIL, "to": ["ops"]}, "'ops' is no e-mail address"),
        ({"type": "email", **MAIL, "to": ["a@b\nBcc: c@d"]}, "is no e-mail address"),
        ({"type": "email", **MAIL, "password": "hunter2"}, "a secret is named"),
        ({"type": "email", **MAIL, "username": "me"}, "username and password go together"),
        ({"type": "email", **MAIL, **LOGIN, "encryption": "none"}, "not sent in the clear"),
        ({"type": "alertmanager", "urls": []}, "at least 1 item"),
        ({"type": "alertmanager", "urls": ["http://me:hunter2@h"]}, "holds a password"),
        ({"type": "alertmanager", **AM, "labels": {"a-b": "c"}}, "'a-b' cannot be a label"),
        ({"type": "alertmanager", **AM, "labels": {"severity": "c"}}, "cannot be a label"),
        ({"type": "alertmanager", **AM, **LOGIN, "token": "env:T"}, "not both"),
        ({"type": "alertmanager", **AM, "refresh": "1s"}, "greater than or equal to 5"),
        ({"type": "command", "command": []}, "at least 1 item"),
        ({"type": "command", "command": "rm -rf x"}, "valid tuple"),
    ],
)
def test_mistakes_are_explained_without_telling_secrets(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError) as raised:
        channel(**keys)
    text = "; ".join(error["msg"] for error in raised.value.errors())
    assert message in text
    assert "hunter2" not in text


@pytest.mark.parametrize(
    ("keys", "environ", "message"),
    [
        ({"type": "slack", "url": "env:HOOK"}, {}, "channels.ops.url: the environment variable"),
        ({"type": "slack", "url": "env:HOOK"}, {"HOOK": "hunter2"}, "what env:HOOK holds is not"),
        ({"type": "apprise", "url": "env:HOOK"}, {"HOOK": "hunter2://x"}, "not a URL that Apprise"),
        ({"type": "apprise", "url": "env:K"}, {"K": "pagerduty://a@b"}, 'type = "pagerduty"'),
        ({"type": "pagerduty", "routing_key": "env:NO"}, {}, "channels.ops.routing_key: the"),
        ({"type": "alertmanager", "urls": ["env:NO"]}, {}, "channels.ops.urls[0]: the"),
        ({"type": "email", **MAIL, **LOGIN}, {}, "channels.ops.password: the environment"),
        (
            {"type": "email", **MAIL, "ca_file": "/nonexistent"},
            {},
            "channels.ops.ca_file: /nonexistent cannot be read as certificates",
        ),
        (
            {"type": "webhook", "url": "http://h", "headers": {"Authorization": "env:NO"}},
            {},
            "channels.ops.headers.Authorization: the environment variable NO is not set",
        ),
        (
            {"type": "webhook", "url": "http://h", "secret": "env:NO"},
            {},
            "channels.ops.secret: the environment variable NO is not set",
        ),
    ],
)
def test_a_secret_that_cannot_be_read_names_its_key(
    keys: dict[str, Any], environ: dict[str, str], message: str
) -> None:
    with pytest.raises(ConfigError) as raised:
        make_sender("ops", channel(**keys), environ, lambda event, fields: None)
    assert message in str(raised.value)
    assert "hunter2" not in str(raised.value)


def test_a_channel_shows_where_its_secret_is_and_not_what() -> None:
    spec = channel(type="slack", url="env:HOOK")
    sender = make_sender("ops", spec, {"HOOK": "https://h/hunter2"}, lambda event, fields: None)
    assert "env:HOOK" in repr(spec)
    assert "hunter2" not in repr(spec) + repr(sender)


@pytest.mark.parametrize(
    ("status", "after", "expected"),
    [
        (200, None, Sent()),
        (202, None, Sent()),
        (301, None, Failed("why")),
        (400, None, Failed("why", by_content=True)),
        (413, None, Failed("why", by_content=True)),
        (404, "5", Failed("why")),
        (408, None, Retry("why")),
        (429, "30", Retry("why", 30)),
        (429, "Tue, 14 Nov 2023 22:13:30 GMT", Retry("why", 10)),
        (429, "Tue, 14 Nov 2000 22:13:30 GMT", Retry("why", 0)),
        (429, "soon", Retry("why")),
        (503, "999999999", Retry("why", 3600)),
    ],
)
def test_http_answers_are_judged(status: int, after: str | None, expected: Result) -> None:
    assert judge_status(status, "why", after, 1_700_000_000) == expected


def test_backoff_doubles_up_to_five_minutes_with_jitter() -> None:
    assert [backoff_s(n, 1) for n in (1, 2, 3, 9, 10, 99)] == [1, 2, 4, 256, 300, 300]
    assert [backoff_s(n, 0) for n in (1, 2, 99)] == [0.5, 1, 150]
