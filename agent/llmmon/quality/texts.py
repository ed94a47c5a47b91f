"""What a scorer reads, and the bounds that keep a score's CPU cost finite."""

from collections.abc import Callable
from typing import NamedTuple

PROSE_LIMIT_CHARS = 8192
FORMAT_LIMIT_CHARS = 65536
_TAIL_CHARS = PROSE_LIMIT_CHARS // 4
_HEAD_CHARS = PROSE_LIMIT_CHARS - _TAIL_CHARS - 1


class Texts(NamedTuple):
    """The texts of one request; what is not known is None.

    `query` is what the user asked, `response` what the model answered, `context` the documents the
    answer should rest on, `expected_format` what the caller parses the response as: "json", or any
    other word, which asks for nothing.
    """

    query: str | None = None
    response: str | None = None
    context: str | None = None
    expected_format: str | None = None


Scorer = Callable[[Texts], float | None]
"""Texts to a score from 0 (worst) to 1 (best); None when these texts cannot be judged.

`refusal` is a probability, not a grade: 1 is a certain refusal.
"""


def clip(text: str | None) -> str:
    """`text` without outer white space, at most PROSE_LIMIT_CHARS: three quarters head, one tail.

    Prose scorers read this, so a longer text is judged by its head and tail and costs no more.
    None gives the empty string.
    """
    stripped = text.strip() if text else ""
    if len(stripped) <= PROSE_LIMIT_CHARS:
        return stripped
    return f"{stripped[:_HEAD_CHARS]}\n{stripped[-_TAIL_CHARS:]}"
