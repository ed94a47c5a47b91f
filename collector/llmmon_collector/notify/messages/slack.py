"""A message for a Slack incoming webhook. Pure.

The limits are those of Slack's Block Kit reference; colours are only to be had in attachments.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from llmmon_collector.notify.fields import is_web_url
from llmmon_collector.notify.notification import Delivery
from llmmon_collector.notify.wording import Wording, cut, facts, group_title

MAX_ATTACHMENTS: Final = 20
_MAX_SECTION: Final = 3000
_MAX_FIELDS: Final = 10
_MAX_FIELD: Final = 2000
_MARKS: Final = {
    "resolved": ("✅", "#2eb67d"),
    "acknowledged": ("👀", "#36c5f0"),
    "critical": ("🔴", "#e01e5a"),
    "warning": ("🟡", "#ecb22e"),
}
_BROKEN_ESCAPE: Final = re.compile(r"&(?:a(?:mp?)?|[lg]t?)?(?=…?$)", re.MULTILINE)
_IN_LINK: Final = str.maketrans({"<": "%3C", ">": "%3E", "|": "%7C", " ": "%20", "&": "&amp;"})


def slack_body(batch: Sequence[Delivery], wording: Wording) -> dict[str, Any]:
    """One alert as a line with its facts, many as a line each; beside them the severity's colour.

    ``text`` is what is shown in notifications and read aloud.
    """
    if len(batch) == 1:
        [delivery] = batch
        line = _line(delivery, wording)
        return {
            "text": line,
            "attachments": [_attachment(delivery, line, _details(batch, wording))],
        }
    return {
        "text": group_title(batch),
        "attachments": [
            _attachment(d, _line(d, wording), [_section(_with_runbook(d, _line(d, wording)))])
            for d in batch
        ],
    }


def escape_slack(text: str) -> str:
    """``text`` without what Slack would read as markup or a mention."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _fit(text: str, most: int) -> str:
    """Escaped ``text`` in at most so many characters, without what is left of a cut escape."""
    return _BROKEN_ESCAPE.sub("", cut(text, most))


def _line(delivery: Delivery, wording: Wording) -> str:
    return _fit(f"{_look(delivery)[0]} {wording.title_of(delivery, escape_slack)}", _MAX_SECTION)


def _details(batch: Sequence[Delivery], wording: Wording) -> list[dict[str, Any]]:
    [delivery] = batch
    if wording.text:
        return [_section(_with_runbook(delivery, wording.text_of(delivery, escape_slack)))]
    fields = [
        {"type": "mrkdwn", "text": _fit(f"*{name}*\n{escape_slack(value)}", _MAX_FIELD)}
        for name, value in facts(delivery).items()
        if name != "Runbook"
    ][:_MAX_FIELDS]
    blocks: list[dict[str, Any]] = [{"type": "section", "fields": fields}]
    if runbook := _with_runbook(delivery, ""):
        blocks.append(_section(runbook))
    return blocks


def _with_runbook(delivery: Delivery, text: str) -> str:
    runbook = delivery.alert.runbook
    if is_web_url(runbook):
        runbook = f"<{runbook.translate(_IN_LINK)}|Runbook>"
    else:
        runbook = escape_slack(runbook)
    runbook = runbook if len(runbook) <= _MAX_FIELD else ""
    room = _MAX_SECTION - len(runbook) - 1
    return "\n".join(part for part in (_fit(text, room), runbook) if part)


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text or " "}}


def _attachment(
    delivery: Delivery, fallback: str, blocks: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    return {"color": _look(delivery)[1], "fallback": fallback, "blocks": list(blocks)}


def _look(delivery: Delivery) -> tuple[str, str]:
    """Mark and colour."""
    return _MARKS[delivery.alert.severity if delivery.event == "firing" else delivery.event]
