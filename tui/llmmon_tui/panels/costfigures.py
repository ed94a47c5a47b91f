"""What does it burn now, today, this month, and where do day and month end?"""

from __future__ import annotations

from typing import Final

from llmmon.protocol.snapshot import Metrics
from llmmon_tui.drawing.figures import Figure
from llmmon_tui.drawing.priority import Segment
from llmmon_tui.formatting import MISSING, age, clean, count, money, ratio
from llmmon_tui.model import Picture
from llmmon_tui.panels.amounts import (
    UNKNOWN,
    amount_text,
    part_text,
    per_1k,
    per_1m_tokens,
    window_text,
)
from llmmon_tui.panels.costquestions import EARLIER, TODAY
from llmmon_tui.panels.values import window_text as length_text
from llmmon_tui.periods import SECOND_NS, day_text, month_start_ns, zone_text
from llmmon_tui.spending import Earlier, Forecast, Part, Parts, day_forecast, month_forecast

_HOUR_S: Final = 3600
_NAMED: Final = 3
"""Models without a price that are named; the others are counted."""


def figures(picture: Picture) -> list[Figure]:
    """The most important first. Money of which a part is not known ends in `+`."""
    total = picture.total
    requests = total.get("requests")
    month_ns = month_start_ns(picture.at_ns)
    unpriced = total.get("unpriced_requests")
    return [
        Figure("now", _burn(picture), f"over {_length(picture)}"),
        _today(picture),
        _ending("today ends", _day_end(picture), _today_part(picture)),
        Figure("month", part_text(_month_part(picture)), f"from {day_text(month_ns)}"),
        _ending("month ends", _month_end(picture), _month_part(picture)),
        Figure(
            "unpriced",
            count(unpriced),
            f"of {count(requests)} req" if requests else "",
            "accent" if unpriced else "strong",
        ),
        Figure("$/1k req", _plus(money(per_1k(total)), total), f"over {_length(picture)}"),
        Figure(
            "cached",
            ratio(total.get("cached_token_ratio")),
            _cached_words(total),
        ),
        Figure("last hour", window_text(total, "hourly_cost")),
        Figure("$/1M tok", _plus(money(per_1m_tokens(total)), total), f"over {_length(picture)}"),
    ]


def notes(picture: Picture) -> list[Segment]:
    """What the figures leave out, since when they count, and how the forecast is made."""
    at_ns = picture.at_ns
    trouble = _trouble(picture)
    is_asking = picture.snapshot is not None and not trouble and picture.answer(TODAY).value is None
    return [
        Segment(trouble, "warning", 95),
        Segment("asking the collector for today and the month …" if is_asking else "", "muted", 90),
        Segment(_unpriced_words(picture), "accent", 80),
        Segment(f"days begin at 00:00 {clean(zone_text(at_ns))}", "muted", 50),
        Segment(_forecast_words(picture), "muted", 60),
    ]


def _trouble(picture: Picture) -> str:
    """Why days and months are not known, or how old what is shown of them is."""
    for answer in (picture.answer(TODAY), picture.answer(EARLIER)):
        if answer.error and answer.told_ns is None:
            return f"no sums of days: {answer.error}"
        if answer.error and answer.told_ns is not None:
            old = age((picture.now_ns - answer.told_ns) / SECOND_NS)
            return f"sums of days are {old} old: {answer.error}"
    return ""


def _today(picture: Picture) -> Figure:
    """By the store from the viewer's midnight; until it has told, the collector's own day."""
    part = _today_part(picture)
    if part is not None:
        return Figure("today", part_text(part), "from 00:00")
    told = window_text(picture.total, "daily_cost")
    return Figure("today", told, "" if told == MISSING else "collector's day")


def _burn(picture: Picture) -> str:
    """USD an hour at the pace of the window."""
    window, total = picture.window, picture.total
    cost = total.get("cost_usd")
    if window is None:
        return MISSING
    rate = None if cost is None else cost * _HOUR_S / window.window_s
    requests, unpriced = total.get("requests") or 0, total.get("unpriced_requests") or 0
    text = amount_text(rate, requests, unpriced)
    return text if text in {MISSING, UNKNOWN} else f"{text}/h"


def _ending(title: str, forecast: Forecast | None, spent: Part | None) -> Figure:
    if spent is None:
        return Figure(title, MISSING)
    if forecast is None:
        return Figure(title, MISSING, "too early", "muted")
    text = amount_text(forecast.end_usd, spent.requests, spent.unpriced)
    pace = "" if text == UNKNOWN else f"at {money(forecast.pace.pico_per_hour / 1e12)}/h"
    return Figure(title, text, pace)


def _today_part(picture: Picture) -> Part | None:
    """None also where nothing at all is stored: that is no day without spending."""
    told, earlier = picture.answer(TODAY).value, picture.answer(EARLIER).value
    if not isinstance(told, Parts):
        return None
    is_blank = isinstance(earlier, Earlier) and earlier.known_since_ns is None
    return told.total if told.total.requests or not is_blank else None


def _month_part(picture: Picture) -> Part | None:
    today, earlier = _today_part(picture), picture.answer(EARLIER).value
    if today is None or not isinstance(earlier, Earlier):
        return None
    return earlier.month.total.plus(today)


def _day_end(picture: Picture) -> Forecast | None:
    today, earlier = _today_part(picture), picture.answer(EARLIER).value
    if today is None or not isinstance(earlier, Earlier):
        return None
    return day_forecast(today, earlier, picture.at_ns)


def _month_end(picture: Picture) -> Forecast | None:
    today, earlier = _today_part(picture), picture.answer(EARLIER).value
    if today is None or not isinstance(earlier, Earlier):
        return None
    return month_forecast(today, earlier, picture.at_ns)


def _forecast_words(picture: Picture) -> str:
    day, month = _day_end(picture), _month_end(picture)
    known = [
        f"{age((picture.at_ns - one.pace.since_ns) / SECOND_NS)} ({name})"
        for one, name in ((day, "day"), (month, "month"))
        if one is not None
    ]
    return f"ends: time left at the pace of the last {', '.join(known)}" if known else ""


def _unpriced_words(picture: Picture) -> str:
    """`12 requests unpriced today, not counted: llama-2-70b-chat`."""
    models = () if picture.snapshot is None else picture.snapshot.ingest.unpriced_models
    part = _today_part(picture)
    unpriced = part.unpriced if part is not None else picture.total.get("unpriced_requests")
    if not unpriced:
        return ""
    names = ", ".join(clean(model) for model in models[:_NAMED])
    more = f" +{len(models) - _NAMED}" if len(models) > _NAMED else ""
    when = f"in {_length(picture)}" if part is None else "today"
    told = f"{count(unpriced)} unpriced {when}, not counted"
    return f"{told}: {names}{more}" if names else told


def _cached_words(total: Metrics) -> str:
    cached = total.get("cached_tokens")
    return "" if cached is None else f"{count(cached)} tok in"


def _plus(text: str, total: Metrics) -> str:
    """A mark where requests without a price make a figure too low."""
    unpriced = total.get("unpriced_requests")
    if text == MISSING:
        return UNKNOWN if unpriced else text
    return f"{text}+" if unpriced else text


def _length(picture: Picture) -> str:
    window = picture.window
    return length_text(picture.view.window_s if window is None else window.window_s)
