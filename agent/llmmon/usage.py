"""Token counts as providers tell them, brought to one meaning.

``input_tokens`` includes cache reads and writes, ``output_tokens`` includes reasoning. OpenAI and
Gemini count this way; Anthropic's and Bedrock's ``input_tokens`` leaves the cached ones out.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Usage = tuple[Any, Any, Any, Any]


def whole_input(
    input_tokens: int | None, cached_tokens: int | None, cache_write_tokens: int | None
) -> int | None:
    """All input tokens where ``input_tokens`` leaves the cached ones out, None where unknown."""
    if not isinstance(input_tokens, int):
        return input_tokens
    beside = (cached_tokens, cache_write_tokens)
    return input_tokens + sum(n for n in beside if isinstance(n, int) and n > 0)


def merge(old: Usage, new: Usage) -> Usage:
    """What is known after ``new`` came in on top of ``old``: its values, where it has one."""
    a, b, c, d = (past if told is None else told for past, told in zip(old, new, strict=True))
    return a, b, c, d
