"""Why a rule fires or not right now, as the collector explains it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from llmmon.errors import SchemaError
from llmmon_tui import fields
from llmmon_tui.drawing.lines import Line
from llmmon_tui.formatting import age, count
from llmmon_tui.panels.prose import fact, heading, wrap
from llmmon_tui.panels.values import labels_text, limit_text, metric_text, severity_of, window_text

Plain = Mapping[str, Any]
_MOST_GROUPS: Final = 5
_NAME: Final = 34
_SECOND_NS: Final = 1_000_000_000


def parse_explanation(result: Any) -> Plain:
    """The answer of the control method `explain`.

    Raises:
        SchemaError: another shape than the protocol's.
    """
    if isinstance(result, dict) and isinstance(result.get("groups"), list):
        return result
    raise SchemaError("explain: expected a rule with its groups")


def explanation_lines(told: Plain, width: int) -> list[Line]:
    """The rule, then each group: why, its values, its limits, who was told."""
    lines = wrap(_text(told, "rule"), "strong", width) + wrap(_subject(told), "muted", width)
    if error := _text(told, "error"):
        lines += wrap(error, "warning", width)
    if told.get("hold") is True:
        lines += wrap("held: the windows still fill after a start", "warning", width)
    groups = _rows(told.get("groups"))
    for group in groups[:_MOST_GROUPS]:
        lines += wrap("", "plain", width) + _group(group, told, width)
    hidden = (fields.whole(told.get("groups_total")) or 0) - min(len(groups), _MOST_GROUPS)
    if hidden > 0:
        lines += wrap("", "plain", width) + wrap(f"+{hidden} groups, none worse", "muted", width)
    return lines


def _subject(told: Plain) -> str:
    """`latency_p95 over 5m by service, model where environment == "production"`."""
    where = f" where {_text(told, 'where')}" if _text(told, "where") else ""
    if _text(told, "family") != "requests":
        return f"{_text(told, 'value')} of {_text(told, 'family')}{where}"
    names = told.get("by")
    by = ", ".join(map(str, names)) if isinstance(names, list) else ""
    window_s = fields.number(told.get("window_s"))
    over = "" if window_s is None else f" over {window_text(round(window_s))}"
    return f"{_text(told, 'value')}{over}{f' by {by}' if by else ''}{where}"


def _group(group: Plain, told: Plain, width: int) -> list[Line]:
    now_ns = fields.whole(told.get("at_ns"))
    lines = [heading(f"{_where(group)}  {_text(group, 'state')}".strip(), width)]
    if why := _text(group, "why"):
        lines += wrap(why, "plain", width)
    if _text(told, "family") == "requests":
        lines += fact("requests", _requests(group, told), width)
    for part in _rows(group.get("parts")):
        text = _text(part, "text")
        value = metric_text(text, fields.number(part.get("value")))
        lines += fact(text, value, width, _name_width(group))
    for limit in _rows(group.get("limits")):
        lines += _limit(limit, width)
    lines += _told(_rows(group.get("told")), now_ns, _text(group, "state"), width)
    return lines


def _requests(group: Plain, told: Plain) -> str:
    needed = fields.whole(told.get("min_requests"))
    return count(fields.number(group.get("requests"))) + (f" ({needed} needed)" if needed else "")


def _limit(limit: Plain, width: int) -> list[Line]:
    """`critical  above 10s until 8s: pending, beyond it for 40s of 1m00s`."""
    metric = _text(limit, "metric").strip()
    at, clear = (fields.number(limit.get(name)) for name in ("limit", "clear"))
    text = f"{_text(limit, 'comparison')} {limit_text(metric, at)}"
    text += "" if clear is None else f" until {limit_text(metric, clear)}"
    text += f": {_text(limit, 'state')}"
    breached_s, for_s = (fields.number(limit.get(name)) for name in ("breached_s", "for_s"))
    if breached_s is not None:
        text += f", beyond it for {age(breached_s)}"
        text += f" of {age(for_s)}" if for_s and for_s > breached_s else ""
    elif for_s:
        text += f", after {age(for_s)} beyond it"
    severity = _text(limit, "severity")
    glyph = severity_of(severity).glyph if severity_of(severity).breaching else " "
    return fact(f"{glyph} {severity}", text, width)


def _told(rows: Iterable[Plain], now_ns: int | None, state: str, width: int) -> list[Line]:
    lines: list[Line] = []
    for row in rows:
        at_ns = fields.whole(row.get("at_ns"))
        if at_ns is None or now_ns is None:
            text = "not told"
        else:
            what = _text(row, "severity") if row.get("open") is True else "that it is over"
            text = f"told {what} {age((now_ns - at_ns) / _SECOND_NS)} ago"
        lines += fact(_text(row, "channel"), text, width)
    if not lines and state == "firing":
        return fact("channels", "nobody was told", width)
    return lines


def _where(group: Plain) -> str:
    labels = group.get("labels")
    told = {str(k): str(v) for k, v in labels.items()} if isinstance(labels, dict) else {}
    return labels_text(told)


def _name_width(group: Plain) -> int:
    longest = max((len(_text(part, "text")) for part in _rows(group.get("parts"))), default=0)
    return max(15, min(_NAME, longest + 2))


def _rows(plain: Any) -> Sequence[Plain]:
    return [row for row in plain if isinstance(row, dict)] if isinstance(plain, list) else []


def _text(row: Plain, name: str) -> str:
    return fields.text(row.get(name)) or ""
