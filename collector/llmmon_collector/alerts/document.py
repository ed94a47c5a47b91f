"""Alerts, records and silences as JSON and back. Pure.

Monotonic times are saved as ages, so that an outage does not count towards ``for``; when people
were last told is saved as wall time, so that it does count towards the cooldown.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import orjson

from llmmon.protocol.snapshot import AlertView
from llmmon_collector.alerts.record import Acknowledgement, Record
from llmmon_collector.alerts.silence import Silence
from llmmon_collector.notify.notification import Delivery
from llmmon_collector.rules.alert import Alert
from llmmon_collector.rules.model import RuleSpec
from llmmon_collector.rules.state import Instance, Level


class Now(NamedTuple):
    """One moment on both clocks."""

    mono_s: float
    wall_ns: int


def dump_alert(alert: Alert, now: Now) -> bytes:
    """``alert`` with its rule, as of ``now``."""
    shifted = replace(alert, instance=_shift(alert.instance, -now.mono_s))
    return orjson.dumps(shifted, default=_plain)


def load_alert(document: bytes, now: Now) -> Alert:
    """The alert in ``document``, its times continued from ``now``.

    Raises:
        ValueError, TypeError, KeyError: not a document of this version.
    """
    plain: dict[str, Any] = orjson.loads(document)
    times = plain.pop("instance")
    warning, critical = Level(**times.pop("warning")), Level(**times.pop("critical"))
    instance = Instance(warning, critical, **times)
    rule = RuleSpec.model_validate(plain.pop("rule"))
    labels = tuple((name, value) for name, value in plain.pop("labels"))
    return Alert(rule=rule, labels=labels, instance=_shift(instance, now.mono_s), **plain)


def dump_record(record: Record, now: Now) -> bytes:
    """``record`` as of ``now``."""
    notified_ns = None
    if record.notified_s is not None:
        notified_ns = now.wall_ns - round((now.mono_s - record.notified_s) * 1e9)
    document = {"record": replace(record, notified_s=None), "notified_ns": notified_ns}
    return orjson.dumps(document, default=_plain)


def load_record(document: bytes, now: Now) -> Record:
    """The record in ``document``.

    Raises:
        ValueError, TypeError, KeyError: not a document of this version.
    """
    saved: dict[str, Any] = orjson.loads(document)
    plain, notified_ns = saved["record"], saved["notified_ns"]
    taken = plain.pop("acknowledgement")
    record = Record(**plain, acknowledgement=None if taken is None else Acknowledgement(*taken))
    if notified_ns is None:
        return record
    age_s = max(0.0, (now.wall_ns - notified_ns) / 1e9)
    return replace(record, notified_s=now.mono_s - age_s)


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


def _plain(value: object) -> object:
    """What orjson does not know: a rule, and a named tuple."""
    if isinstance(value, RuleSpec):
        return value.model_dump(mode="json", by_alias=True)
    if isinstance(value, tuple):
        return list(value)
    raise TypeError(type(value).__name__)


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
