"""Sends a test message over a channel: an alert that fires and is over at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from llmmon.protocol.views import AlertView
from llmmon_collector.notify.channels import Log, make_sender
from llmmon_collector.notify.model import ChannelSpec
from llmmon_collector.notify.notification import Delivery, Event
from llmmon_collector.notify.result import Failed, Result, Retry

RULE: Final = "llmmon_test"


class Attempt(NamedTuple):
    """What came of telling one event."""

    event: Event
    result: Result


class Trial(NamedTuple):
    """What is needed to try a channel."""

    name: str
    spec: ChannelSpec
    severity: str
    environ: Mapping[str, str]
    log: Log
    wall_ns: Callable[[], int]


async def try_channel(trial: Trial) -> list[Attempt]:
    """Send once that a test alert fires, and once that it is over, so that nothing stays open.

    The second goes too when the first may have arrived.

    Raises:
        ConfigError: a secret cannot be read; names the key.
    """
    sender = make_sender(trial.name, trial.spec, trial.environ, trial.log)
    attempts: list[Attempt] = []
    events: tuple[Event, ...] = ("firing", "resolved")
    started_ns = trial.wall_ns()
    try:
        for number, event in enumerate(events, 1):
            now_ns = trial.wall_ns()
            view = _alert(trial, event, started_ns, now_ns)
            delivery = Delivery(number, trial.name, event, view, now_ns)
            attempts.append(Attempt(event, await sender.send([delivery], now_ns)))
            if isinstance(attempts[-1].result, Failed):
                break
    finally:
        await sender.close()
    return attempts


def is_delivered(attempts: list[Attempt]) -> bool:
    """Whether all of it arrived."""
    return not any(isinstance(attempt.result, Failed | Retry) for attempt in attempts)


def _alert(trial: Trial, event: Event, started_ns: int, now_ns: int) -> AlertView:
    over = event == "resolved"
    return AlertView(
        id=f"llmmon:test-{started_ns}",
        rule=RULE,
        severity=trial.severity,
        state=event,
        labels={"service": "llmmon"},
        metric="requests",
        value=0 if over else 1,
        threshold=0,
        comparison="above",
        window_s=60,
        since_ns=now_ns,
        fired_ns=started_ns,
        resolved_ns=now_ns if over else None,
        peak=1,
        summary=f"a test of the channel {trial.name}; nothing is wrong",
        runbook="",
    )
