"""The answer of ``explain`` in words. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from llmmon_collector.duration import format_duration
from llmmon_collector.rules.summary import format_value
from llmmon_collector.tools.verdict import labels_text

Document = Mapping[str, Any]


def explanation_lines(document: Document) -> list[str]:
    """The rule, then each group: why, its values, its limits, who knows of it."""
    lines = [f"{document['rule']}: {_subject(document)}"]
    if document["error"]:
        lines.append(f"  {document['error']}")
    if document["hold"]:
        lines.append("  held: the windows are still filling after a start, nothing resolves yet")
    groups, total = document["groups"], document["groups_total"]
    for group in groups:
        lines += ["", *_group_lines(group, document)]
    if not groups and not document["error"]:
        lines.append("  no group has requests in the window")
    if total > len(groups):
        lines += ["", f"{total - len(groups)} more groups, none of them worse: name one with --by"]
    return lines


def _subject(document: Document) -> str:
    if document["family"] != "requests":
        text = f"{document['value']} of {document['family']}"
    else:
        by = ", ".join(document["by"])
        over = format_duration(document["window_s"])
        text = f"{document['value']} over {over} {f'by {by}' if by else 'of the whole'}"
    return text + (f" where {document['where']}" if document["where"] else "")


def _group_lines(group: Document, document: Document) -> Iterator[str]:
    alert, now_ns = group["alert"], document["at_ns"]
    state = group["state"]
    if alert is not None:
        severity = f" {alert['severity']}" if state in ("firing", "resolved") else ""
        state = f"{state}{severity} since {_time(alert['since_ns'], now_ns)}"
    yield f"{labels_text(group['labels'])}: {state}"
    yield f"  {group['why']}"
    if document["family"] == "requests":
        needed = document["min_requests"]
        yield f"  {group['requests']:,} requests" + (f", {needed:,} needed" if needed else "")
    width = max((len(part["text"]) for part in group["parts"]), default=0)
    for part in group["parts"]:
        yield f"  {part['text']:<{width}} = {format_value(part['value'], part['text'])}"
    for limit in group["limits"]:
        yield f"  {_limit(limit)}"
    if alert is not None:
        yield from (f"  {text}" for text in _known(alert, now_ns))
    if group["state"] == "firing" and not group["told"]:
        yield "  no channel was told"
    for told in group["told"]:
        yield f"  {_told(told, now_ns)}"


def _limit(limit: Document) -> str:
    metric = limit["metric"].strip()
    text = f"{limit['severity']}: {limit['comparison']} {format_value(limit['limit'], metric)}"
    if limit["clear"] is not None:
        text += f" until {format_value(limit['clear'], metric)}"
    text += f", {limit['state']}"
    if limit["breached_s"] is not None:
        text += f", first breached {_span(limit['breached_s'])} ago"
    pending = limit["state"] == "pending"
    return text + (f", for {_span(limit['for_s'])} needed" if pending else "")


def _known(alert: Document, now_ns: int) -> Iterator[str]:
    """What keeps people from being told."""
    if alert["acknowledged_by"] is not None:
        yield f"acknowledged by {alert['acknowledged_by']}"
    if alert["silenced_until_ns"] is not None:
        yield f"silenced until {_time(alert['silenced_until_ns'], now_ns)}"
    if alert["inhibited_by"] is not None:
        yield f"muted by the alert of {alert['inhibited_by']}"
    if alert["muted_until_ns"] is not None:
        yield f"quiet hours until {_time(alert['muted_until_ns'], now_ns)}"
    if alert["flapping"]:
        yield "flapping: told less often"


def _told(told: Document, now_ns: int) -> str:
    if told["at_ns"] is None:
        return f"{told['channel']}: not told"
    state = "fires" if told["open"] else "is over, or never fired"
    severity = f" ({told['severity']})" if told["severity"] else ""
    return (
        f"{told['channel']}: last told{severity} {_time(told['at_ns'], now_ns)}, knows it {state}"
    )


def _time(at_ns: int, now_ns: int) -> str:
    """A wall time in UTC, and how long before or after now that is."""
    clock = datetime.fromtimestamp(at_ns / 1e9, UTC).strftime("%Y-%m-%d %H:%M:%S")
    apart_s = (now_ns - at_ns) / 1e9
    return f"{clock} UTC ({_span(abs(apart_s))} {'ago' if apart_s >= 0 else 'from now'})"


def _span(seconds: float) -> str:
    return format_duration(float(int(seconds))) if seconds >= 1 else "0s"
