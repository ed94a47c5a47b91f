"""Alerts, records, silences and deliveries as JSON and back. Pure.

Monotonic times are saved as they are, with the moment of saving beside them. From that one, an
outage does not count towards ``for``, and does count towards how long ago people were told.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from typing import Any, NamedTuple

import orjson

from llmmon.protocol.snapshot import AlertView
from llmmon_collector.alerts.flapping import Flap
from llmmon_collector.alerts.record import Acknowledgement, Notice, Record
from llmmon_collector.alerts.silence import Silence
from llmmon_collector.notify.notification import Delivery
from llmmon_collector.rules.alert import Alert
from llmmon_collector.rules.model import RuleSpec
from llmmon_collector.rules.state import Instance, Level


class Now(NamedTuple):
    """One moment on both clocks."""

    mono_s: float
    wall_ns: int


def dump_alert(alert: Alert) -> bytes:
    """``alert`` with its rule."""
    return orjson.dumps(alert, default=_plain)


def load_alert(document: bytes, saved: Now, now: Now) -> Alert:
    """The alert in ``document``, its times continued from ``now``.

    Raises:
        ValueError, TypeError, KeyError: not a document of this version.
    """
    plain: dict[str, Any] = orjson.loads(document)
    times = plain.pop("instance")
    warning, critical = Level(**times.pop("warning")), Level(**times.pop("critical"))
    instance = _shift(Instance(warning, critical, **times), now.mono_s - saved.mono_s)
    rule = _rule_of(orjson.dumps(plain.pop("rule")))
    labels = tuple((name, value) for name, value in plain.pop("labels"))
    return Alert(rule=rule, labels=labels, instance=instance, **plain)


def dump_record(record: Record) -> bytes:
    """``record`` as it is."""
    return orjson.dumps(record, default=_plain)


def load_record(document: bytes, saved: Now, now: Now) -> Record:
    """The record in ``document``, its times as long ago as they are by wall clock.

    Raises:
        ValueError, TypeError, KeyError: not a document of this version.
    """
    away_s = (now.wall_ns - saved.wall_ns) / 1e9

    def aged(time_s: float | None) -> float | None:
        if time_s is None:
            return None
        return now.mono_s - max(0.0, saved.mono_s - time_s + away_s)

    plain: dict[str, Any] = orjson.loads(document)
    taken, notices, flap = plain.pop("acknowledgement"), plain.pop("notices"), plain.pop("flap")
    return Record(
        **plain,
        acknowledgement=None if taken is None else Acknowledgement(*taken),
        notices={name: _notice(notice, aged) for name, notice in notices.items()},
        flap=_flap(flap, aged),
    )


def dump_silence(silence: Silence) -> bytes:
    """``silence`` as JSON."""
    return orjson.dumps(silence)


def load_silence(document: bytes) -> Silence:
    """The silence in ``document``.

    Raises:
        ValueError, TypeError: not a document of this version.
    """
    return Silence(**orjson.loads(document))


def dump_delivery(delivery: Delivery) -> bytes:
    """``delivery`` without when it is due: after a restart all are."""
    return orjson.dumps(replace(delivery, due_ns=0))


def load_delivery(document: bytes) -> Delivery:
    """The delivery in ``document``.

    Raises:
        ValueError, TypeError, KeyError: not a document of this version.
    """
    plain: dict[str, Any] = orjson.loads(document)
    return Delivery(alert=AlertView(**plain.pop("alert")), **plain)


_Aged = Callable[[float | None], float | None]


def _notice(plain: dict[str, Any], aged: _Aged) -> Notice:
    notice = Notice(**plain)
    return replace(notice, told_s=aged(notice.told_s))


def _flap(plain: dict[str, Any], aged: _Aged) -> Flap:
    ages = (aged(time_s) for time_s in plain.pop("firings_s"))
    firings_s = tuple(age_s for age_s in ages if age_s is not None)
    changed_s = aged(plain.pop("changed_s"))
    return Flap(**plain, firings_s=firings_s, changed_s=changed_s)


def _plain(value: object) -> object:
    """What orjson does not know: a rule, and a named tuple."""
    if isinstance(value, RuleSpec):
        return orjson.Fragment(_text_of(value))
    if isinstance(value, tuple):
        return list(value)
    raise TypeError(type(value).__name__)


@lru_cache(4096)
def _text_of(rule: RuleSpec) -> bytes:
    """``rule`` as JSON; thousands of alerts can share one."""
    return orjson.dumps(rule.model_dump(mode="json", by_alias=True))


@lru_cache(4096)
def _rule_of(text: bytes) -> RuleSpec:
    return RuleSpec.model_validate(orjson.loads(text))


def _shift(instance: Instance, by_s: float) -> Instance:
    def shifted(time_s: float | None) -> float | None:
        return None if time_s is None else time_s + by_s

    def level(old: Level) -> Level:
        return replace(old, since_s=shifted(old.since_s), clear_since_s=shifted(old.clear_since_s))

    return replace(
        instance,
        warning=level(instance.warning),
        critical=level(instance.critical),
        no_data_since_s=shifted(instance.no_data_since_s),
        resolved_s=shifted(instance.resolved_s),
    )
