"""What Slack's incoming webhooks and PagerDuty's Events API v2 take, and what they answer.

Written from their documentation: Slack's "Sending messages using incoming webhooks", "Rate limits"
and the Block Kit reference; PagerDuty's "Events API v2 Overview" and "Send an Alert Event".
Anything that these do not name is refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from support.receivers import Answer, Received

SLACK_PATH = "/services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX"
PAGERDUTY_PATH = "/v2/enqueue"
ROUTING_KEY = "0123456789abcdef0123456789abcdef"
THROTTLED = json.dumps(
    {
        "status": "throttle exceeded",
        "message": "Requests for this service are arriving too quickly.",
        "errors": ["Please retry later."],
    }
)

_COLOUR = re.compile(r"#[0-9a-fA-F]{6}|good|warning|danger")
_ENTITY = re.compile(r"&(?!amp;|lt;|gt;)")
_MARKUP = re.compile(r"<(?!https?://[^\s<>|]+(\|[^<>|]*)?>)")


class Broken(Exception):
    """What the service says to a payload that it does not take."""


def slack(received: Received) -> Answer:
    """The contract of a Slack incoming webhook."""
    if received.path != SLACK_PATH:
        return Answer(404, "no_service")
    if not received.headers.get("content-type", "").startswith("application/json"):
        return Answer(400, "invalid_payload")
    try:
        _check_slack(json.loads(received.body))
    except ValueError:
        return Answer(400, "invalid_payload")
    except Broken as broken:
        return Answer(400, str(broken))
    return Answer(200, "ok")


def _check_slack(message: Any) -> None:
    _keys(message, {"text", "blocks", "attachments"}, "invalid_payload")
    attachments, blocks = message.get("attachments", []), message.get("blocks", [])
    if not (message.get("text") or attachments or blocks):
        raise Broken("no_text")
    _text(message.get("text", " "), 40_000, "msg_too_long")
    if len(attachments) > 100:
        raise Broken("too_many_attachments")
    for attachment in attachments:
        _keys(attachment, {"color", "fallback", "blocks"}, "invalid_attachments")
        _require(_COLOUR.fullmatch(attachment["color"]), "invalid_attachments")
        _text(attachment["fallback"], 40_000, "invalid_attachments")
        _check_blocks(attachment["blocks"])
    _check_blocks(blocks)


def _check_blocks(blocks: Any) -> None:
    _require(isinstance(blocks, list) and len(blocks) <= 50, "invalid_blocks")
    for block in blocks:
        check = _BLOCKS.get(block.get("type"))
        _require(check is not None, "invalid_blocks")
        assert check is not None
        check(block)


def _header(block: Mapping[str, Any]) -> None:
    _keys(block, {"type", "text"}, "invalid_blocks")
    _text_object(block["text"], 150, {"plain_text"})


def _section(block: Mapping[str, Any]) -> None:
    _keys(block, {"type", "text", "fields"}, "invalid_blocks")
    _require("text" in block or "fields" in block, "invalid_blocks")
    if "text" in block:
        _text_object(block["text"], 3000)
    if "fields" in block:
        _require(1 <= len(block["fields"]) <= 10, "invalid_blocks")
        for field in block["fields"]:
            _text_object(field, 2000)


def _divider(block: Mapping[str, Any]) -> None:
    _keys(block, {"type"}, "invalid_blocks")


_BLOCKS = {"header": _header, "section": _section, "divider": _divider}


def _text_object(
    text: Mapping[str, Any], most: int, types: frozenset[str] | set[str] = frozenset()
) -> None:
    _keys(text, {"type", "text", "emoji", "verbatim"}, "invalid_blocks")
    _require(text["type"] in (types or {"plain_text", "mrkdwn"}), "invalid_blocks")
    _text(text["text"], most, "invalid_blocks")


def _text(text: Any, most: int, otherwise: str) -> None:
    """A text with nothing in it that Slack could take for a mention, a channel or a link."""
    _require(isinstance(text, str) and 1 <= len(text) <= most, otherwise)
    _require(not _ENTITY.search(text) and not _MARKUP.search(text), f"{otherwise}: markup")


class PagerDuty:
    """The contract of the Events API v2, with the incidents that came of it."""

    def __init__(self, routing_key: str = ROUTING_KEY) -> None:
        self.incidents: list[dict[str, str]] = []
        """``key``, ``state`` and ``severity``, in the order in which they were opened."""
        self.dropped: list[str] = []
        """Events that no open incident was there for."""
        self._routing_key = routing_key

    def __call__(self, received: Received) -> Answer:
        if received.path != PAGERDUTY_PATH:
            return Answer(404, "")
        if len(received.body) > 512 * 1024:
            return Answer(413, "")
        try:
            event = json.loads(received.body)
            self._check(event)
        except (Broken, ValueError, KeyError, TypeError, AttributeError) as error:
            return _invalid(str(error))
        self._apply(event)
        processed = {
            "status": "success",
            "message": "Event processed",
            "dedup_key": event["dedup_key"],
        }
        return Answer(202, json.dumps(processed))

    def _check(self, event: Any) -> None:
        common = {"routing_key", "event_action", "dedup_key"}
        more = {"payload", "images", "links", "client", "client_url"}
        _require(event["routing_key"] == self._routing_key, "Invalid routing key")
        _require(1 <= len(event["dedup_key"]) <= 255, "'dedup_key' is invalid")
        action = event["event_action"]
        _require(
            action in ("trigger", "acknowledge", "resolve"),
            "'event_action' is missing or invalid",
        )
        _keys(event, common | more if action == "trigger" else common, "unknown property")
        if action == "trigger":
            _check_payload(event["payload"])
            for link in event.get("links", []):
                _keys(link, {"href", "text"}, "'links' is invalid")
                _require(link["href"].startswith("http"), "'links' is invalid")

    def _apply(self, event: Mapping[str, Any]) -> None:
        key, action = event["dedup_key"], event["event_action"]
        open_ = [i for i in self.incidents if i["key"] == key and i["state"] != "resolved"]
        if action == "trigger":
            severity = event["payload"]["severity"]
            if open_:
                open_[0]["severity"] = severity
            else:
                self.incidents.append({"key": key, "state": "triggered", "severity": severity})
        elif not open_:
            self.dropped.append(key)
        else:
            open_[0]["state"] = f"{action}d"


def _check_payload(payload: Mapping[str, Any]) -> None:
    texts = {"summary", "source", "severity", "timestamp", "component", "group", "class"}
    _keys(payload, texts | {"custom_details"}, "unknown property in 'payload'")
    for name in texts & payload.keys():
        _require(isinstance(payload[name], str) and payload[name], f"'payload.{name}' is invalid")
    for name in ("summary", "source", "severity"):
        _require(name in payload, f"'payload.{name}' is missing or blank")
    _require(len(payload["summary"]) <= 1024, "'payload.summary' is too long (maximum is 1024)")
    _require(
        payload["severity"] in ("critical", "error", "warning", "info"),
        "'payload.severity' is invalid (must be one of critical, warning, error or info)",
    )
    _require(isinstance(payload.get("custom_details", {}), dict), "'custom_details' is invalid")


def _invalid(problem: str) -> Answer:
    body = {
        "status": "invalid event",
        "message": "Event object is invalid",
        "errors": [problem],
    }
    return Answer(400, json.dumps(body))


def _keys(thing: Any, known: set[str], otherwise: str) -> None:
    _require(isinstance(thing, dict) and set(thing) <= known, otherwise)


def _require(fine: object, otherwise: str) -> None:
    if not fine:
        raise Broken(otherwise)
