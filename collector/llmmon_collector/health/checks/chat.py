"""What an OpenAI-compatible chat API says: of tokens, of its end, of errors. Pure."""

from __future__ import annotations

from typing import Any, Final, Literal, NamedTuple

import orjson

from llmmon_collector.health.checks.sse import Event
from llmmon_collector.scrub import one_line, scrub

_DONE: Final = "[DONE]"
_TOKENS: Final = ("content", "reasoning_content", "reasoning", "refusal", "tool_calls")
"""Where a delta carries what the model wrote; ``role`` alone comes before the first token."""


class Piece(NamedTuple):
    """What one event of the stream means."""

    kind: Literal["token", "finished", "done", "error", "nothing"]
    error: str = ""


def piece_of(event: Event) -> Piece:
    """The meaning of one event."""
    if event.data.strip() == _DONE:
        return Piece("done")
    document = document_of(event.data)
    if (error := error_in(document)) or event.type == "error":
        return Piece("error", error or one_line(scrub(event.data)))
    choices = document.get("choices")
    listed = [one for one in choices if isinstance(one, dict)] if isinstance(choices, list) else []
    if any(_writes(choice) for choice in listed):
        return Piece("token")
    return Piece("finished" if any(c.get("finish_reason") for c in listed) else "nothing")


def document_of(text: str | bytes) -> dict[str, Any]:
    """The JSON object in ``text``, empty when there is none."""
    try:
        document = orjson.loads(text)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def error_in(document: dict[str, Any]) -> str:
    """The error that ``document`` tells, as OpenAI, vLLM and FastAPI write it, or empty."""
    error = document.get("error") or document.get("detail")
    if error is None and document.get("object") == "error":
        error = document
    if isinstance(error, dict):
        error = error.get("message") or error.get("code") or error.get("type") or "no reason given"
    return one_line(scrub(str(error))) if error else ""


def _writes(choice: dict[str, Any]) -> bool:
    delta = choice.get("delta")
    return isinstance(delta, dict) and any(delta.get(name) for name in _TOKENS)
